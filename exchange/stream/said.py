"""All that the server says on the stream."""

from __future__ import annotations

from exchange.stream.base import Said
from exchange.stream.said_books import BookDelta, BookSnapshot, OrdersDelta, OrdersSnapshot
from exchange.stream.said_own import Own, OwnSnapshot
from exchange.stream.said_prints import Tickers, TickerSnapshot, Trades, TradesSnapshot
from exchange.stream.said_status import Status, StatusSnapshot
from exchange.stream.said_talk import (
    AllCancelled,
    Changed,
    Heartbeat,
    OptionsSet,
    Placed,
    Pong,
    ProblemSaid,
    Subscribed,
    Unsubscribed,
    Welcome,
)

SAID: tuple[type[Said], ...] = (
    Welcome, Subscribed, Unsubscribed, Heartbeat, Pong, ProblemSaid, OptionsSet, Placed, Changed, AllCancelled,
    BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TradesSnapshot, Trades, TickerSnapshot, Tickers,
    StatusSnapshot, Status, OwnSnapshot, Own,
)  # fmt: skip
