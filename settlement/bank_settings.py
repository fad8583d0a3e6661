"""The market's own account at its bank, as the environment names it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kernel.quantity import decimal_pattern, format_money, parse_money

_RULES = {
    "H2MARKET_BANK_ACCOUNT": (re.compile(r"[0-9A-Z]{5,34}"), "5 to 34 digits or capital letters"),
    "H2MARKET_BANK_HOLDER": (re.compile(r"\S(.{0,138}\S)?"), "a name of 1 to 140 characters"),
    "H2MARKET_BANK_CODE": (re.compile(r"[0-9]{12}"), "the 12 digits of the bank in CNAPS"),
    "H2MARKET_BANK_OPENING": (re.compile(decimal_pattern(2), re.ASCII), "an amount of CNY such as 1234.50"),
}


@dataclass(frozen=True, slots=True)
class BankSettings:
    """Account number, holder and CNAPS code, and what the account holds before the first statement, which is the
    market's own. The defaults are fictional: no bank has the code 999100000018."""

    account_number: str = "9991000000000018"
    holder: str = "h2market 结算账户"
    bank_code: str = "999100000018"
    opening_fen: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> BankSettings:
        """Reads H2MARKET_BANK_ACCOUNT, _HOLDER, _CODE and _OPENING. Raises ValueError naming the one that is not what
        it should be."""
        default = cls()
        return cls(
            _checked(environ, "H2MARKET_BANK_ACCOUNT", default.account_number),
            _checked(environ, "H2MARKET_BANK_HOLDER", default.holder),
            _checked(environ, "H2MARKET_BANK_CODE", default.bank_code),
            parse_money(_checked(environ, "H2MARKET_BANK_OPENING", format_money(default.opening_fen))),
        )


def _checked(environ: Mapping[str, str], name: str, default: str) -> str:
    text = environ.get(name) or default
    pattern, rule = _RULES[name]
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{name} must be {rule}, not {text!r}")
    return text
