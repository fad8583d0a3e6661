"""What pydantic finds wrong with a request, as one error whose sentences are in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from kernel.errors import InvalidInput, Language

#: Where FastAPI looked for a value; the caller knows a field by its name alone.
_PLACES = frozenset({"body", "query", "path", "header", "cookie"})

#: The type of an error that a whole model raises; its own field says which of the model's fields it is about.
OF_MODEL = "of_model"

#: Mistakes that are told at once: a body of nothing else would get an answer many times its size.
BREACHES_MAX = 50

#: Pydantic's rules, as far as bodies and queries use them. What is not listed is told in English.
_ZH = {
    "bool_type": "应为布尔值 true 或 false。",
    "dict_type": "应为 JSON 对象。",
    "enum": "应为以下之一：{expected}。",
    "extra_forbidden": "此处不接受该字段。",
    "float_type": "应为数字。",
    "float_parsing": "应为数字。",
    "finite_number": "应为有限的数字。",
    "greater_than": "应大于 {gt}。",
    "greater_than_equal": "应大于或等于 {ge}。",
    "int_from_float": "应为整数。",
    "int_parsing": "应为整数。",
    "int_parsing_size": "整数过大。",
    "int_type": "应为整数。",
    "json_invalid": "不是有效的 JSON：{error}。",
    "less_than": "应小于 {lt}。",
    "less_than_equal": "应小于或等于 {le}。",
    "list_type": "应为数组。",
    "literal_error": "应为以下之一：{expected}。",
    "missing": "缺少该字段。",
    "model_attributes_type": "应为 JSON 对象。",
    "model_type": "应为 JSON 对象。",
    "string_pattern_mismatch": "应符合格式 {pattern}。",
    "string_too_long": "最多 {max_length} 个字符。",
    "string_too_short": "至少 {min_length} 个字符。",
    "string_type": "应为字符串。",
    "string_unicode": "应为有效的 Unicode 字符串。",
    "time": "请按 RFC 3339 书写带时区的时间，例如 2026-01-05T09:00:00+08:00。",
    "time_range": "时间须在 1970 年与 2200 年之间。",
    "too_long": "最多 {max_length} 项。",
    "too_short": "至少 {min_length} 项。",
    "union_tag_invalid": "应为以下之一：{expected_tags}。",
    "union_tag_not_found": "缺少该字段。",
}


class Breach(NamedTuple):
    """A field, the rule that it breaks, and the sentences that say so."""

    field: str
    rule: str
    en: str
    zh: str


class InvalidRequest(InvalidInput):
    """Several fields break rules; each is listed with its own sentence."""

    def __init__(self, breaches: list[Breach]) -> None:
        first = breaches[0]
        super().__init__(first.field, first.rule, f"{first.field}: {first.en}", f"{first.field}：{first.zh}")
        self.breaches = breaches

    def entries(self, language: Language) -> list[dict[str, Any]]:
        """The ``errors`` member of the problem."""
        return [
            {"field": one.field, "rule": one.rule, "detail": one.zh if language == "zh" else one.en}
            for one in self.breaches
        ]


def from_validation(errors: Iterable[Mapping[str, Any]]) -> InvalidRequest:
    """Pydantic's error list as one error naming each field and rule."""
    return InvalidRequest([_breach(error) for error in islice(errors, BREACHES_MAX)])


def _breach(error: Mapping[str, Any]) -> Breach:
    kind, context = error["type"], error.get("ctx") or {}
    inner = context.get("error")
    field = _field(error["loc"]) if kind != "json_invalid" else "body"
    if isinstance(inner, InvalidInput):
        if kind == OF_MODEL:
            field = f"{field}.{inner.field}" if error["loc"] else str(inner.field)
        return Breach(field, inner.rule, inner.sentence("en"), inner.sentence("zh"))
    english = str(error["msg"]).removeprefix("Value error, ")
    chinese = _ZH[kind].format(**context) if kind in _ZH else english
    return Breach(field, kind, english, chinese)


def _field(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location and location[0] in _PLACES else location
    return ".".join(map(str, parts)) or "body"
