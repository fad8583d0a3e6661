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
from participants.model import (
    E7_PER_DEGREE,
    FACILITY_KINDS,
    MINUTES_PER_DAY,
    NAME_CHARACTERS_MAX,
    ROLES,
    WEBHOOK_OVERLAP_S_MAX,
    WEBHOOK_TYPES_MAX,
    WEBHOOK_URL_CHARACTERS_MAX,
    in_order,
)

#: Hubs are part of product ids, so they are plain capitals and digits without a hyphen.
_HUB = re.compile(r"[A-Z][A-Z0-9]{1,23}", re.ASCII)
#: Hosts in lower case; addresses of version 6 in brackets. No user, no fragment: one would be a secret in a place that
#: is shown, the other is never sent.
WEBHOOK_URL_PATTERN = (
    r"^https?://(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
    r"([/?][!$&-;=?-Z_a-z~%]*)?$"
)
EVENT_TYPE_PATTERN = r"^[a-z_]{1,30}\.([a-z_]{1,30}|\*)$"
_WEBHOOK_URL = re.compile(WEBHOOK_URL_PATTERN, re.ASCII)
_EVENT_TYPE = re.compile(EVENT_TYPE_PATTERN, re.ASCII)
_SALT = re.compile(r"[0-9a-f]{32}", re.ASCII)
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
            "请提供密钥内容的 SHA-256，以 64 位小写十六进制表示。",
        )
    return text


def webhook_url(text: str, field: str = "url") -> str:
    """An address that notices may be sent to, as far as its shape tells. Rules: ``text_length``, ``webhook_url``."""
    if len(text) > WEBHOOK_URL_CHARACTERS_MAX:
        raise InvalidInput(
            field,
            "text_length",
            f"Write at most {WEBHOOK_URL_CHARACTERS_MAX} characters.",
            f"最多 {WEBHOOK_URL_CHARACTERS_MAX} 个字符。",
        )
    if _WEBHOOK_URL.fullmatch(text) is None:
        raise InvalidInput(
            field,
            "webhook_url",
            "Write an address such as https://example.com/hooks, its host in lower case, without user and fragment.",
            "请写形如 https://example.com/hooks 的地址：主机名小写，不含用户名和片段。",
        )
    return text


def event_types(given: tuple[str, ...], field: str = "event_types") -> tuple[str, ...]:
    """Types or groups of notices, sorted. Rules: ``empty``, ``too_long``, ``event_type``, ``repeated``."""
    if not 0 < len(given) <= WEBHOOK_TYPES_MAX:
        rule = "too_long" if given else "empty"
        raise InvalidInput(
            field, rule, f"Name 1 to {WEBHOOK_TYPES_MAX} types.", f"请列出 1 至 {WEBHOOK_TYPES_MAX} 个类型。"
        )
    if any(_EVENT_TYPE.fullmatch(one) is None for one in given):
        raise InvalidInput(
            field,
            "event_type",
            "A type looks like order.placed, a group like order.*.",
            "类型形如 order.placed，类别形如 order.*。",
        )
    if len(set(given)) < len(given):
        raise InvalidInput(field, "repeated", "Name each one once.", "请勿重复。")
    return tuple(sorted(given))


def salt(text: str, field: str = "salt") -> str:
    """16 random bytes. Rule: ``salt``."""
    if _SALT.fullmatch(text) is None:
        raise InvalidInput(
            field, "salt", "A salt is 32 lower-case hexadecimal digits.", "盐值为 32 位小写十六进制数字。"
        )
    return text


def overlap_s(seconds: int, field: str = "overlap_s") -> int:
    """How long two secrets sign. Rule: ``range``."""
    _between(seconds, 0, WEBHOOK_OVERLAP_S_MAX, field)
    return seconds


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
