"""What the scenes are played on: the books of the night, and companies that place, change and cancel orders in them.

Prices are given as what they lie above or below the fair price of their book, in fen per kg, so that a scene reads as a
trader would tell it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kernel.quantity import format_price
from seeds.client import Refused, Session
from seeds.members import Market, Member
from seeds.night import Night, NightBook
from seeds.pace import Pace
from seeds.trips import MINUTE_US

#: The companies that play. By their codes, so that a scene names them.
FROSTFORD, CLOUDGATHER = "frostford", "cloudgather"  # plants at Xiaoyi
PAULOWNIA, RUSHMOON = "paulownia-court", "rushmoon"  # stations at Jinzhong
MOONKEEP = "moonkeep"  # the storage at Jinzhong
DAWNLOTUS = "dawnlotus"  # a station at Taiyuan
GREENSAIL, GOOSELETTER = "greensail", "gooseletter"  # hauliers
CAST = (FROSTFORD, CLOUDGATHER, PAULOWNIA, RUSHMOON, MOONKEEP, DAWNLOTUS, GREENSAIL, GOOSELETTER)


class Stage:
    """The place of the scenes."""

    def __init__(self, market: Market, pace: Pace, night: Night) -> None:
        self.market = market
        self.pace = pace
        self.night = night
        self.operator: Session = market.operator
        self._numbers: Counter[str] = Counter()

    def member(self, code: str) -> Member:
        """A company of the cast."""
        return self.market.members[code]

    def session(self, code: str) -> Session:
        """Its trading desk."""
        return self.market.members[code].session

    def wait(self, minutes: int) -> None:
        """Lets time go by."""
        self.pace.move(self.pace.now_us + minutes * MINUTE_US)

    # --- orders

    def buy(self, code: str, book: NightBook, above: int | None, loads: int, **options: Any) -> Any:
        """Places a buy order; ``above`` is None for one without a limit. Raises Refused."""
        return self.session(code).post("/v1/orders", self.order(code, book, "buy", above, loads, **options))

    def sell(self, code: str, book: NightBook, above: int | None, loads: int, **options: Any) -> Any:
        """Places a sell order. Raises Refused."""
        return self.session(code).post("/v1/orders", self.order(code, book, "sell", above, loads, **options))

    def order(self, code: str, book: NightBook, side: str, above: int | None, loads: int, **options: Any) -> Any:
        """The body of a new order, good till cancelled unless ``options`` say otherwise."""
        price = {} if above is None else {"price": self.price(book, above)}
        return {
            "client_order_id": self.order_id(code),
            "product_id": book.product_id,
            "side": side,
            "loads": loads,
            **price,
            **options,
        }

    def order_id(self, code: str, what: str = "") -> str:
        """A new client order id; ``what`` says what it is one of, such as a file."""
        series = f"{code}/{what}" if what else code
        self._numbers[series] += 1
        return f"night/{series}/{self._numbers[series]}"

    @staticmethod
    def price(book: NightBook, above: int) -> str:
        """A price of a book as it is sent."""
        return format_price(book.fair_fen_per_kg + above)

    def batch(self, code: str, group: str, orders: Sequence[Any]) -> list[Any]:
        """What became of each order of a batch."""
        body = {"group": group, "orders": list(orders)}
        return list(self.session(code).post("/v1/orders/batch", body)["results"])

    def cancel(self, code: str, order: Any) -> None:
        """Cancels what is open of an order."""
        self.session(code).delete(f"/v1/orders/{order['order_id']}")

    def amend(self, code: str, order: Any, **terms: Any) -> Any:
        """Amends an order."""
        return self.session(code).patch(f"/v1/orders/{order['order_id']}", terms)

    def look(self, code: str, order: Any) -> Any:
        """The order as it stands now."""
        return self.session(code).get(f"/v1/orders/{order['order_id']}")

    def is_quiet(self, book: NightBook) -> bool:
        """Whether nobody stands in a book."""
        depth = self.operator.get(f"/v1/products/{book.product_id}/book", levels=1)
        return not depth["bids"] and not depth["asks"]


def traded(order: Any, loads: int) -> None:
    """Asserts that so many loads of a new or changed order traded at once."""
    found = sum(fill["loads"] for fill in order["fills"] if fill["leg"] != "haulage")
    assert found == loads, f"{loads} loads should have traded: {order}"


def ended(order: Any, reason: str) -> None:
    """Asserts that an order ended for a reason."""
    assert (order["status"], order["reason"]) == ("cancelled", reason), f"should have ended as {reason}: {order}"


class Refusal:
    """Takes one refusal with a code, and asserts that it comes: ``with Refusal("post_only_would_trade"): ...``."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        assert error is not None, f"should have been refused as {self._code}"
        return isinstance(error, Refused) and error.code == self._code
