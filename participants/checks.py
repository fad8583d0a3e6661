"""The shape of what a command says, checked before the machine looks at its state.

Each check returns the value in its canonical form or raises InvalidInput naming the field and the rule it breaks.
"""

from __future__ import annotations

import re

from stdnum.cn import uscc as china_uscc
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength

from kernel.auth import SCOPES
from kernel.errors import InvalidInput
from kernel.text import UNSEEN
from participants.model import E7_PER_DEGREE, FACILITY_KINDS, MINUTES_PER_DAY, NAME_CHARACTERS_MAX, ROLES, in_order

#: Hubs are part of product ids, so they are plain capitals and digits without a hyphen.
_HUB = re.compile(r"[A-Z][A-Z0-9]{1,23}", re.ASCII)
_SECRET_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNSEEN = re.compile(f"[{UNSEEN}]")


def uscc(text: str, field: str = "uscc") -> str:
    """A unified social credit code (GB 32100) without blanks and hyphens, in capitals.

    Rules: ``uscc_length``, ``uscc_characters``, ``uscc_check_digit``.
    """
    try:
        return china_uscc.validate(text)
    except InvalidLength as error:
        raise InvalidInput(
            field, "uscc_length", "A unified social credit code has 18 characters.", "统一社会信用代码应为 18 位。"
        ) from error
    except InvalidFormat as error:
        raise InvalidInput(
            field,
            "uscc_characters",
            "A unified social credit code starts with 8 digits and uses digits and capitals without I, O, S, V and Z.",
            "统一社会信用代码前 8 位为数字，其余为数字或大写字母（不含 I、O、S、V、Z）。",
        ) from error
    except InvalidChecksum as error:
        raise InvalidInput(
            field,
            "uscc_check_digit",
            "The check digit of the unified social credit code does not fit: look for a typing error.",
            "统一社会信用代码校验位不符：请检查是否录入有误。",
        ) from error


def line(text: str, field: str, characters_max: int = NAME_CHARACTERS_MAX) -> str:
    """One line of text that a person wrote, trimmed. Rules: ``text_length``, ``text_control``."""
    trimmed = text.strip()
    if _UNSEEN.search(trimmed):
        raise InvalidInput(
            field, "text_control", "Write one line without control characters.", "请写单行文字，不含控制字符。"
        )
    if not 0 < len(trimmed) <= characters_max:
        raise InvalidInput(
            field, "text_length", f"Write 1 to {characters_max} characters.", f"请写 1 至 {characters_max} 个字符。"
        )
    return trimmed


def roles(given: tuple[str, ...], field: str = "roles") -> tuple[str, ...]:
    """Roles in their canonical order. Rules: ``choice``, ``empty``, ``repeated``."""
    return _choices(given, ROLES, field)


def scopes(given: tuple[str, ...], field: str = "scopes") -> tuple[str, ...]:
    """Scopes in their canonical order. Rules: ``choice``, ``empty``, ``repeated``."""
    return _choices(given, SCOPES, field)


def facility_kind(given: str, field: str = "kind") -> str:
    """A kind of facility. Rule: ``choice``."""
    return _choices((given,), FACILITY_KINDS, field)[0]


def hub(text: str, field: str = "hub") -> str:
    """A hub's code, such as TAIYUAN. Rule: ``hub``."""
    if _HUB.fullmatch(text) is None:
        raise InvalidInput(
            field,
            "hub",
            "A hub is 2 to 24 capitals and digits beginning with a capital, such as TAIYUAN.",
            "枢纽代码为 2 至 24 位大写字母或数字，以字母开头，例如 TAIYUAN。",
        )
    return text


def position(latitude_e7: int, longitude_e7: int) -> None:
    """Degrees times 10^7 on the globe. Rule: ``range``."""
    _between(latitude_e7, -90 * E7_PER_DEGREE, 90 * E7_PER_DEGREE, "latitude_e7")
    _between(longitude_e7, -180 * E7_PER_DEGREE, 180 * E7_PER_DEGREE, "longitude_e7")


def opening(opens_minute: int, closes_minute: int) -> None:
    """An opening within one day of the market; 0 to 1440 is round the clock. Rules: ``range``, ``opening``."""
    _between(opens_minute, 0, MINUTES_PER_DAY - 1, "opens_minute")
    _between(closes_minute, 1, MINUTES_PER_DAY, "closes_minute")
    if closes_minute <= opens_minute:
        raise InvalidInput(
            "closes_minute",
            "opening",
            "A facility closes after it opens, on the same day.",
            "设施的关闭时间须晚于同日的开放时间。",
        )


def secret_hash(text: str, field: str = "secret_hash") -> str:
    """The SHA-256 of a secret. Rule: ``sha256_hex``."""
    if _SECRET_HASH.fullmatch(text) is None:
        raise InvalidInput(
            field,
            "sha256_hex",
            "Send the SHA-256 of the secret as 64 lower-case hexadecimal digits.",
            "请提供密文的 SHA-256，以 64 位小写十六进制表示。",
        )
    return text


def _choices(given: tuple[str, ...], allowed: tuple[str, ...], field: str) -> tuple[str, ...]:
    listed = ", ".join(allowed)
    if not given:
        raise InvalidInput(field, "empty", f"Name at least one of: {listed}.", f"至少选择一项：{listed}。")
    for value in given:
        if value not in allowed:
            raise InvalidInput(field, "choice", f"Choose among: {listed}.", f"请从下列各项中选择：{listed}。")
    if len(set(given)) < len(given):
        raise InvalidInput(field, "repeated", "Name each one once.", "请勿重复。")
    return in_order(given, allowed)


def _between(value: int, lowest: int, highest: int, field: str) -> None:
    if not lowest <= value <= highest:
        raise InvalidInput(
            field, "range", f"Send an integer from {lowest} to {highest}.", f"请提供 {lowest} 至 {highest} 之间的整数。"
        )
