"""The market maker of the night: Moonkeep quotes around its tank over the stream, both sides at its gate and a bid for
what is brought to it.

It hears its fills and the market's requests for quotes, moves its quotes after each, and at the end proves that what it
heard is what the exchange has on record. Quotes are post-only and end with the connection.
"""

from __future__ import annotations

from decimal import Decimal

from h2market.client import Feed, FillEvent, NewOrder, Status, Stream
from h2market.client.model import Side
from h2market.client.said_market import QuoteRequestEvent
from seeds.night import NightBook
from seeds.scenes.marks import QUOTE
from seeds.scenes.stage import CLOUDGATHER, DAWNLOTUS, FROSTFORD, MOONKEEP, Stage, traded
from seeds.scenes.streams import Streams, hear_own

#: How far its quotes lie from the fair price, in fen per kg: offers, bids, and bids for what is delivered.
OFFER, BID, BID_DELIVERED = 20, -40, -60
#: How far both quotes of a book move against it after a fill, and how much closer they come when somebody asks.
LEAN, CLOSER = 10, 10

Quote = tuple[NightBook, Side]


class MarketMaker:
    """Its quotes by book and side, and what it heard of them."""

    def __init__(self, stage: Stage, streams: Streams, key: str) -> None:
        self._stage = stage
        self._streams = streams
        self._stream: Stream = streams.open(key, on_disconnect="cancel_placed")
        self._own: Feed = streams.run(self._stream.own())
        self._status: Feed = streams.run(self._stream.status())
        self._above: dict[Quote, int] = {
            (stage.night.stored, "sell"): OFFER,
            (stage.night.stored, "buy"): BID,
            (stage.night.delivered, "buy"): BID_DELIVERED,
        }
        self._open: dict[Quote, str] = {}
        self._placed: set[str] = set()
        self._heard: dict[str, FillEvent] = {}

    def quote(self) -> None:
        """Places every quote that does not stand."""
        missing = [quote for quote in self._above if quote not in self._open]
        entries = self._streams.run(self._stream.place_batch([self._order(quote) for quote in missing]))
        for quote, entry in zip(missing, entries, strict=True):
            self._open[quote] = entry.placed().order_id
            self._placed.add(self._open[quote])

    def hear_fill(self, book: NightBook, side: Side, trade_id: str) -> None:
        """Waits for word of a fill that ends a quote, and quotes anew: worse for who comes next."""
        events = self._streams.run(
            hear_own(self._own, lambda heard: any(getattr(one, "trade_id", "") == trade_id for one in heard))
        )
        self._heard |= {event.trade_id: event for event in events if isinstance(event, FillEvent)}
        assert self._heard[trade_id].order_id == self._open.pop((book, side)), f"{trade_id} filled another order"
        self._move(book, LEAN if side == "sell" else -LEAN)

    def answer_request(self, product_id: str) -> None:
        """Waits for word that somebody asks for quotes, and answers with closer ones."""
        book = self._stage.night.stored
        asked = self._streams.run(_hear_request(self._status))
        assert asked.product_id == product_id == book.product_id, f"asked for {asked.product_id}"
        for quote in list(self._above):
            if quote[0] == book:
                self._above[quote] += CLOSER if quote[1] == "buy" else -CLOSER
        self._move(book, 0)

    def close(self) -> int:
        """Takes its quotes back; returns how many fills it heard of, each as the exchange has it on record."""
        for book in (self._stage.night.stored, self._stage.night.delivered):
            self._streams.run(self._stream.cancel_all(product_id=book.product_id, this_key=True))
        self._open.clear()
        on_record = {
            trade["trade_id"]: (trade["side"], Decimal(trade["price"]), trade["loads"])
            for trade in self._stage.session(MOONKEEP).pages("/v1/trades")
            if trade["order_id"] in self._placed
        }
        heard = {
            trade_id: (str(event.side), event.price, event.loads)
            for trade_id, event in self._heard.items()
            if event.order_id in self._placed
        }
        assert heard == on_record, f"the market maker heard {heard}, on record is {on_record}"
        return len(heard)

    def _move(self, book: NightBook, by: int) -> None:
        """Takes what stands in a book back, and quotes it anew."""
        for quote in [one for one in self._open if one[0] == book]:
            self._streams.run(self._stream.cancel(self._open.pop(quote)))
        for quote in self._above:
            if quote[0] == book:
                self._above[quote] += by
        self.quote()

    def _order(self, quote: Quote) -> NewOrder:
        book, side = quote
        return NewOrder(
            client_order_id=self._stage.order_id(MOONKEEP, QUOTE), product_id=book.product_id, side=side, loads=1,
            price=Decimal(self._stage.price(book, self._above[quote])), post_only=True, time_in_force="day",
        )  # fmt: skip


async def _hear_request(status: Feed) -> QuoteRequestEvent:
    while True:
        said = await anext(status)
        for event in said.events if isinstance(said, Status) else ():
            if isinstance(event, QuoteRequestEvent):
                return event


def make_market(stage: Stage, maker: MarketMaker) -> None:
    """The market maker begins to quote; a plant takes its bid, a station its offer."""
    night = stage.night
    maker.quote()
    sold = stage.sell(FROSTFORD, night.delivered, BID_DELIVERED, 1, time_in_force="ioc")
    traded(sold, 1)
    maker.hear_fill(night.delivered, "buy", sold["fills"][0]["trade_id"])
    bought = stage.buy(DAWNLOTUS, night.stored, OFFER, 1, time_in_force="ioc")
    traded(bought, 1)
    maker.hear_fill(night.stored, "sell", bought["fills"][0]["trade_id"])


def ask_for_quotes(stage: Stage, maker: MarketMaker) -> None:
    """Dawnlotus asks for quotes on one more load from the tank, without saying what it would do, and takes the offer
    that comes; the plant that looks on does not know who asked."""
    stored = stage.night.stored
    request = {"product_id": stored.product_id, "loads": 1}
    asked = stage.session(DAWNLOTUS).post("/v1/quote-requests", request)
    maker.answer_request(stored.product_id)
    (seen,) = stage.session(CLOUDGATHER).pages("/v1/quote-requests", product_id=stored.product_id)
    assert (seen["request_id"], seen["own"]) == (asked["request_id"], False), f"Cloudgather sees {seen}"
    bought = stage.buy(DAWNLOTUS, stored, OFFER + LEAN - CLOSER, 1, time_in_force="ioc")
    traded(bought, 1)
    maker.hear_fill(stored, "sell", bought["fills"][0]["trade_id"])
