"""The Python client of the exchange: REST, waiting or awaited, and the stream.

It stands alone: it imports nothing of the server, and all that it knows is in the OpenAPI and AsyncAPI documents.
Start with docs/client.md.
"""

from h2market.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    FieldError,
    Forbidden,
    InvalidRequest,
    NoAnswer,
    NotFound,
    OutcomeUnknown,
    Overrun,
    Problem,
    RateLimited,
    Refused,
    ServerFailed,
    StreamClosed,
    StreamError,
    StreamRefused,
    Unauthenticated,
)
from h2market.client.feed import Feed
from h2market.client.follow import follow
from h2market.client.model import (
    BatchEntry,
    Capacity,
    Changed,
    DeclaredCapacity,
    Depth,
    Fill,
    Level,
    Limits,
    Market,
    NewOrder,
    Order,
    Placed,
    Product,
    PublicTrade,
    Trade,
)
from h2market.client.order_book import OrderBook
from h2market.client.rest import AsyncClient, Client
from h2market.client.said import Gap
from h2market.client.said_market import (
    BookDelta,
    BookSnapshot,
    Status,
    StatusSnapshot,
    Tickers,
    TickerSnapshot,
    Trades,
    TradesSnapshot,
)
from h2market.client.said_own import FillEvent, LimitsEvent, OrderEvent, Own, OwnOrder, OwnSnapshot
from h2market.client.stream import Stream
from h2market.client.talk import Retry

__all__ = [
    "ApiError",
    "AsyncClient",
    "BatchEntry",
    "BookDelta",
    "BookSnapshot",
    "Capacity",
    "Changed",
    "Client",
    "ClientError",
    "Conflict",
    "DeclaredCapacity",
    "Depth",
    "Feed",
    "FieldError",
    "Fill",
    "FillEvent",
    "Forbidden",
    "Gap",
    "InvalidRequest",
    "Level",
    "Limits",
    "LimitsEvent",
    "Market",
    "NewOrder",
    "NoAnswer",
    "NotFound",
    "Order",
    "OrderBook",
    "OrderEvent",
    "OutcomeUnknown",
    "Overrun",
    "Own",
    "OwnOrder",
    "OwnSnapshot",
    "Placed",
    "Problem",
    "Product",
    "PublicTrade",
    "RateLimited",
    "Refused",
    "Retry",
    "ServerFailed",
    "Status",
    "StatusSnapshot",
    "Stream",
    "StreamClosed",
    "StreamError",
    "StreamRefused",
    "TickerSnapshot",
    "Tickers",
    "Trade",
    "Trades",
    "TradesSnapshot",
    "Unauthenticated",
    "follow",
]
