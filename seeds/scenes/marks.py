"""What the scenes write into names, so that the log tells apart what its events alone do not."""

from __future__ import annotations

#: How labels of keys end under which a company trades over the stream.
STREAM_LABEL = ", over the stream"
#: Series in client order ids: the market maker's quotes, orders from a file, a batch in which each stands for itself.
QUOTE, FILE, BATCH = "quote", "file", "batch"


def series_of(client_order_id: str) -> str:
    """The series of an order of the scenes, as of ``night/rushmoon/file/3``; "" for any other."""
    parts = client_order_id.split("/")
    return parts[2] if len(parts) == 4 and parts[0] == "night" else ""
