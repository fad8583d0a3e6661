"""The house speaks of one thing by one word, in both languages and in the units of the edge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import pytest

import h2market.platform  # noqa: F401 - brings the errors of every room
import tracking.errors  # noqa: F401
from kernel.errors import H2MarketError, InvalidInput
from tests.house import ROOT

CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: Figures leave the platform as decimals in CNY, kg, MPa and °C.
INSIDE = re.compile(r"_(fen|g|pa|mk|e7|us)\}|\bfen\b|\bPa\b|\} ?分")
#: Words of other houses, and the word of the glossary that stands for them here.
ELSEWHERE = {
    "委托": "订单",
    "防自成交": "自成交防范",
    "止损触发单": "止损单",
    "冰山订单": "冰山单",
    "市价订单": "市价单",
    "停牌": "暂停交易",
    "收市": "闭市",
    "问题详情": "错误详情",
    "提现": "出金",
    "账本": "总账",
    "密文": "密钥",
    "数据流": "推送流",
    "行情流": "推送流",
    "报单": "订单",
    "容器等级": "容器类别",
}
PACKAGES = ("kernel", "participants", "exchange", "tracking", "settlement", "h2market", "seeds")
PAGES = [ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.zh-CN.md"), ROOT / "Makefile"]
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def subclasses(kind: type[H2MarketError]) -> Iterator[type[H2MarketError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


#: A bad input brings both sentences itself.
FIXED = {one for one in subclasses(H2MarketError) if not issubclass(one, InvalidInput)}
ERRORS = sorted(FIXED, key=lambda one: one.code)


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_all_errors_are_looked_at() -> None:
    assert len(ERRORS) > 150


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_an_error_says_the_same_in_both_languages(error: type[H2MarketError]) -> None:
    assert fields(error.en) == fields(error.zh)
    assert error.en[-1] in ".}"
    assert not CHINESE.search(error.en)
    if error.zh != "{message}":
        assert CHINESE.search(error.zh)
        assert error.zh[-1] in "。}"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_an_error_has_the_units_of_the_edge(error: type[H2MarketError]) -> None:
    assert INSIDE.search(error.en + error.zh) is None


def test_the_words_are_those_of_the_glossary() -> None:
    found = [
        (str(file.relative_to(ROOT)), word, better)
        for file in [*PAGES, *SOURCES]
        for word, better in ELSEWHERE.items()
        if word in file.read_text(encoding="utf-8")
    ]
    assert found == []
