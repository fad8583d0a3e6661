"""Numbers that look and check like real ones and that nobody can have.

Credit codes (GB 32100) carry the administrative division 149999 and an organisation code that begins with H2M, neither
of which is assigned; both check digits are right. Plates carry the letter X, which no prefecture of Shanxi has. Account
numbers begin with 9990 and are at fictional banks.
"""

from __future__ import annotations

from stdnum.cn.uscc import calc_check_digit

_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def credit_code(number: int) -> str:
    """The credit code of the fictional company with this number, 1 to 99,999."""
    assert 0 < number < 100_000
    organisation = f"H2M{number:05d}"
    body = f"91149999{organisation}{_organisation_check(organisation)}"
    return body + calc_check_digit(body)


def _organisation_check(organisation: str) -> str:
    """The check character of an organisation code (GB 11714): 11 minus the weighted sum modulo 11."""
    total = sum(
        _ORGANISATION_ALPHABET.index(character) * weight
        for character, weight in zip(organisation, _ORGANISATION_WEIGHTS, strict=True)
    )
    return {10: "X", 11: "0"}.get(check := 11 - total % 11, str(check))


def lorry_plate(number: int) -> str:
    """The plate of a fictional lorry, number 1 to 9,999."""
    assert 0 < number < 10_000
    return f"晋X{number:04d}A"


def vessel_code(container_class: str, number: int) -> str:
    """The registration code of a fictional pressure vessel: ``H2M-TUBE20-0007``."""
    assert 0 < number < 10_000
    return f"H2M-{container_class}-{number:04d}"


def account_number(bank: int, number: int) -> str:
    """A fictional account with 16 digits at the bank with this number."""
    assert 0 < bank < 100 and 0 < number < 100_000
    return f"9990{bank:02d}{number:010d}"
