"""What comes over the line, within bounds: whoever is at the other end decides neither how long nor how much."""

from __future__ import annotations

import time

import httpx

from h2market.client.talk import Answer, Lost

#: The largest answer that is read: a page of 500 orders has some hundred kilobytes.
ANSWER_BYTES_MAX = 32 << 20
#: Of these errors the request did not leave.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class TooLong(httpx.ReadError):
    """An answer that has more bytes than any of the exchange's."""


class Reading:
    """An answer as it comes, until a moment: a connection that says a byte now and then is not waited for for ever."""

    def __init__(self, response: httpx.Response, until_s: float) -> None:
        self._response = response
        self._until_s = until_s
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Takes in a piece. Raises ReadTimeout or TooLong."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > ANSWER_BYTES_MAX:
            raise TooLong(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
        if time.monotonic() > self._until_s:
            raise httpx.ReadTimeout("the answer does not come to its end")

    def answer(self, began_s: float) -> Answer:
        """What came, once it has ended."""
        after_s = seconds(self._response.headers.get("Retry-After", ""))
        return Answer(self._response.status_code, b"".join(self._chunks), after_s, time.monotonic() - began_s)


def read_all(response: httpx.Response, began_s: float, until_s: float) -> Answer:
    """The whole answer. Raises an httpx.RequestError."""
    reading = Reading(response, until_s)
    for chunk in response.iter_bytes():
        reading.add(chunk)
    return reading.answer(began_s)


async def aread_all(response: httpx.Response, began_s: float, until_s: float) -> Answer:
    """`read_all`, awaited."""
    reading = Reading(response, until_s)
    async for chunk in response.aiter_bytes():
        reading.add(chunk)
    return reading.answer(began_s)


def lost(error: httpx.RequestError, began_s: float) -> Lost:
    """No answer, or one whose bytes are none of its coding."""
    return Lost(error, not isinstance(error, _NOT_SENT), time.monotonic() - began_s)


def seconds(text: str) -> float | None:
    """A number of seconds in a header; None for anything else, such as a date."""
    return float(text[:20]) if text.isascii() and text.isdecimal() else None
