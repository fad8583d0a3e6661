"""Reading the log over server-sent events, without any I/O: both clients feed it lines."""

from __future__ import annotations

import time
from typing import NoReturn

import msgspec

from h2market.client.errors import ClientError, NoAnswer
from h2market.client.said import LogEvent, read_event
from h2market.client.talk import Answer, Patience, Retry, problem_of

EVENTS = "/v1/events"
#: The exchange says something every ten seconds: a connection that is silent for so long is taken for dead.
SILENCE_S_MAX = 25.0


class LogReading:
    """How far a reader has got, over as many connections as it takes: each event comes once, in order.

    ``since`` is the position to go on after, None for what happens from now on. What one command did to several parties
    has one position, and a connection can end in the middle of it: it is given out once all of it is here.
    """

    def __init__(self, since: int | None, retry: Retry) -> None:
        self.position = since
        self.began_s = time.monotonic()
        self._retry = retry
        self._patience = Patience(retry)
        self._fields: dict[str, str] = {}
        self._waiting: list[LogEvent] = []  # of a position that is not complete
        self._failure: ClientError = NoAnswer(f"GET {EVENTS} was ended by the exchange")
        self._after_s: float | None = None

    def query(self) -> dict[str, str]:
        """The query of the next connection."""
        self.began_s = time.monotonic()
        self._fields, self._waiting = {}, []
        return {} if self.position is None else {"since": str(self.position)}

    def take(self, line: str) -> list[LogEvent]:
        """What a line makes known. Raises NoAnswer for what is not the exchange's."""
        if line.startswith(":"):
            return []
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return []
        fields, self._fields = self._fields, {}
        if "data" in fields:
            try:
                event = read_event(fields["data"])
            except (msgspec.DecodeError, RecursionError) as error:
                raise NoAnswer(f"GET {EVENTS} said what cannot be read: {error}") from error
            if event is not None:
                self._waiting.append(event)
        if "id" not in fields:
            return []
        found, self._waiting = self._waiting, []
        if not self._gets_on(fields["id"]):
            return []  # said before
        return found

    def _gets_on(self, given: str) -> bool:
        """Takes in an id; False for one that is behind. Raises NoAnswer for what is no position."""
        if not (given.isascii() and given.isdecimal()):
            raise NoAnswer(f"GET {EVENTS} said what is no position: {given!r:.40}")
        position = int(given[:20])
        is_news = self.position is None or position > self.position
        # A server that only ever repeats itself and hangs up does not renew anybody's patience.
        if is_news or time.monotonic() - self.began_s > self._retry.pause_s_max:
            self._patience, self._failure = Patience(self._retry), NoAnswer(f"GET {EVENTS} was ended by the exchange")
        if is_news:
            self.position = position
        return is_news

    def refused(self, answer: Answer) -> None:
        """The exchange does not let it read. Raises the ApiError unless it may do so later."""
        error = problem_of(answer)
        if answer.status < 500 and answer.status != 429:
            raise error
        self._failure, self._after_s = error, answer.retry_after_s

    def lost(self, error: Exception) -> None:
        """The connection is gone."""
        self._failure = NoAnswer(f"GET {EVENTS}: {error!r}")

    def pause_s(self) -> float:
        """How long to wait before the next connection. Raises what went wrong last once patience is over."""
        pause = self._patience.pause(0.0, self._after_s)
        self._after_s = None
        if pause is None:
            self._give_up()
        return pause.seconds

    def _give_up(self) -> NoReturn:
        raise self._failure
