"""The page about trading does what it says: every request on it is sent, and every answer is held against it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from exchange.commands import SetCapacity
from exchange.errors import ORDER_REFUSALS
from exchange.model import CancelReason, OrderStatus, OrderType, Phase, SelfTradeMode, TimeInForce
from exchange.orders_api import NewOrder
from kernel.clock import from_text
from seeds.identity import credit_code
from tests.exchange.market import LOADS, TERMS, TRADER, WINDOW_START, Market
from tests.house import ROOT

PAGES = [ROOT / "docs" / "trading.md", ROOT / "docs" / "trading.zh-CN.md"]
FENCE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASKED = re.compile(r"(?P<who>[a-z]+) +(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>\S+) ?(?P<body>.*)", re.DOTALL)
ANSWERED = re.compile(r"(?P<status>\d{3}) +(?P<answer>.*)", re.DOTALL)
#: What the market numbers: an order, a trade, a company.
NUMBERED = re.compile(r"\b[OTP][1-9][0-9]*\b")
#: Loads of one order at most: more than the money of the examples buys.
ORDER_LOADS = 200
PRODUCTS: tuple[dict[str, Any], ...] = (
    {"product_id": "EXW-A", "reference_price": "20.00", "collar_bps": 2_000, "volatility_bps": 500},
    {"product_id": "HAUL-A", "kind": "haulage", "destination_hub": "JINZHONG"},
    {"product_id": "DLV-A", "kind": "delivered", "hub": "JINZHONG"},
)


class Exchange(NamedTuple):
    """A request of the page and what it says of the answer."""

    who: str
    method: str
    path: str
    body: str
    status: int
    answer: Any


def conversation(block: str) -> list[Exchange]:
    """The requests of a block; a line that begins with a blank goes on with the one before."""
    said = re.split(r"\n(?! )", block.strip())
    exchanges = []
    for asked, answered in zip(said[::2], said[1::2], strict=True):
        question, answer = ASKED.fullmatch(asked), ANSWERED.fullmatch(answered)
        assert question is not None, asked
        assert answer is not None, answered
        who, method, path, body = question.groups()
        exchanges.append(Exchange(who, method, path, body, int(answer["status"]), json.loads(answer["answer"])))
    return exchanges


def blocks(page: Path) -> list[str]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, str]]:
    """The market in which each block begins: its file, its companies and their keys."""
    file = tmp_path_factory.mktemp("trading") / "template.db"
    market = Market(f"sqlite:///{file}")
    market.open()
    market.enter("haulier", credit_code(50), ("haulier",), TRADER)
    market.settle()
    market.submit(SetCapacity(market.ids["haulier"], "haulage", from_text(WINDOW_START), LOADS))
    for terms in PRODUCTS:
        listed = market.ask("POST", "/v1/products", "operator", json={**TERMS, "loads_max": ORDER_LOADS, **terms})
        assert listed.status_code == 201, listed.text
    market.close()
    return file, market.ids, market.secrets


@pytest.fixture
def market(template: tuple[Path, dict[str, str], dict[str, str]], tmp_path: Path) -> Iterator[Market]:
    file, ids, secrets = template
    market = Market(f"sqlite:///{shutil.copy(file, tmp_path / 'h2market.db')}")
    market.ids, market.secrets = dict(ids), dict(secrets)
    market.start()
    yield market
    market.close()


@pytest.mark.parametrize("block", blocks(PAGES[0]), ids=lambda block: block.split("\n")[0][:60])
def test_the_market_answers_as_the_page_says(market: Market, block: str) -> None:
    numbers: dict[str, str] = {}  # of the page, and the market's own

    def ours(text: str) -> str:
        return NUMBERED.sub(lambda match: numbers.get(match[0], match[0]), text)

    for exchange in conversation(block):
        body = (
            {"content": ours(exchange.body), "headers": {"Content-Type": "application/json"}} if exchange.body else {}
        )
        answer = market.ask(exchange.method, ours(exchange.path), exchange.who, **body)
        assert answer.status_code == exchange.status, f"{exchange.method} {exchange.path}: {answer.text}"
        compare(exchange.answer, answer.json(), numbers, exchange.path)


def compare(told: Any, found: Any, numbers: dict[str, str], where: str) -> None:
    """What the page tells of an answer is so; a number that it tells for the first time stands for what was found."""
    if isinstance(told, dict):
        for name, value in told.items():
            assert name in found, f"{where}.{name}: {found}"
            compare(value, found[name], numbers, f"{where}.{name}")
    elif isinstance(told, list):
        assert len(told) == len(found), f"{where}: {found}"
        for index, value in enumerate(told):
            compare(value, found[index], numbers, f"{where}.{index}")
    elif isinstance(told, str) and NUMBERED.fullmatch(told):
        assert NUMBERED.fullmatch(found), where
        assert numbers.setdefault(told, found) == found, where
    else:
        assert told == found, where


def test_both_languages_show_the_same_requests() -> None:
    english, chinese = map(blocks, PAGES)
    assert english == chinese
    assert len(english) >= 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_all_that_an_order_can_be_and_meet(page: Path) -> None:
    named = set(re.findall(r"`([a-z_]+)`", page.read_text(encoding="utf-8")))
    for kind in (CancelReason, OrderStatus, OrderType, Phase, SelfTradeMode, TimeInForce):
        assert set(get_args(kind)) - named == set()
    assert set(ORDER_REFUSALS) - named == set()
    assert set(NewOrder.model_fields) - named - {"side"} == set()
