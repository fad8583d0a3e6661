"""How one request is asked until it is settled, without any I/O: both clients and every test run the same steps.

A talk is a generator. It yields what to do next, a `Request` or a `Pause`, and is sent what came of it, an `Answer` or
a `Lost`. What is sent again is sent under the same client order id or idempotency key, so it takes effect once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from h2market.client.errors import ApiError, ClientError, NoAnswer, OutcomeUnknown, Problem, error_of

T = TypeVar("T")

#: Statuses after which a request is sent again, beside those from 500 on.
_TOO_MANY = 429
#: Problems that say that nothing was changed.
UNCHANGED = frozenset({"unavailable", "rate_limited"})
#: Answers to a key that no longer holds.
_SHUT_OUT = (401, 403)


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a client is. Waits double from ``pause_s`` to ``pause_s_max``, unless the exchange names a time."""

    tries_max: int = 10
    patience_s: float = 60.0
    pause_s: float = 0.1
    pause_s_max: float = 5.0

    def wait_s(self, tries: int) -> float:
        """How long to wait after so many tries: between half of it and all of it, so that clients spread."""
        longest = min(self.pause_s_max, self.pause_s * 2.0 ** (tries - 1))
        return longest * (0.5 + random.random() / 2)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. ``key`` or ``client_order_ids`` are what makes it take effect once; a read has neither."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    key: str = ""
    client_order_ids: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def headers(self) -> dict[str, str]:
        """Those of this request."""
        headers = {"Content-Type": "application/json"} if self.body is not None else {}
        if self.key:
            headers["Idempotency-Key"] = self.key
        return headers


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes
    retry_after_s: float | None
    took_s: float


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing came back. ``sent``: the request may have arrived all the same."""

    error: Exception
    sent: bool
    took_s: float


Step = Request | Pause
Reply = Answer | Lost | None
Talk = Generator[Step, Reply, T]


class Patience:
    """What is left of the tries and of the time of one request."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._tries = 0
        self._spent_s = 0.0

    def pause(self, took_s: float, at_least_s: float | None) -> Pause | None:
        """The wait before the next try; None if there is to be none."""
        self._tries += 1
        wait_s = max(self._retry.wait_s(self._tries), at_least_s or 0.0)
        self._spent_s += took_s + wait_s
        if self._tries >= self._retry.tries_max or self._spent_s > self._retry.patience_s:
            return None
        return Pause(wait_s)


def settle(
    request: Request, retry: Retry, read: Callable[[bytes], T], unsettled: Callable[[T], bool] = lambda _: False
) -> Talk[T]:
    """Asks until there is an answer that counts. ``unsettled(answer)``: some of it has to be asked again.

    Raises the ApiError of a refusal, and after all tries NoAnswer for a read, for a change OutcomeUnknown if it may
    have taken effect.
    """
    patience = Patience(retry)
    in_doubt = False
    while True:
        reply = yield request
        assert reply is not None
        after_s: float | None = None
        found: T | None = None
        if isinstance(reply, Lost):
            failure: ClientError = NoAnswer(f"{request.method} {request.path}: {reply.error!r}")
            in_doubt = in_doubt or reply.sent
        elif reply.status < 400:
            try:
                found = read(reply.content)
            except (msgspec.DecodeError, RecursionError) as unread:  # not the exchange: a page of something in between
                failure = NoAnswer(f"{request.method} {request.path} was answered with what cannot be read: {unread}")
                in_doubt = True
            else:
                if not unsettled(found):
                    return found
        else:
            error = problem_of(reply)
            if reply.status < 500 and reply.status != _TOO_MANY:
                if in_doubt and request.changes and _says_nothing(error):
                    raise _unknown(request) from error
                raise error
            failure, after_s = error, reply.retry_after_s
            in_doubt = in_doubt or error.code not in UNCHANGED
        pause = patience.pause(reply.took_s, after_s)
        if pause is None:
            if found is not None:
                return found
            if in_doubt and request.changes:
                raise _unknown(request) from failure
            raise failure
        yield pause


def _says_nothing(error: ApiError) -> bool:
    """Of what was sent before: an answer to a key that no longer holds, or a page of something in between."""
    return error.status in _SHUT_OUT or error.code in ("", f"http_{error.status}")


def _unknown(request: Request) -> OutcomeUnknown:
    what = f"{request.method} {request.path}"
    return OutcomeUnknown(what, client_order_ids=request.client_order_ids, idempotency_key=request.key)


def problem_of(answer: Answer) -> ApiError:
    """The problem of an answer; a proxy's page that is none becomes one."""
    try:
        problem = msgspec.json.decode(answer.content, type=Problem)
    except (msgspec.DecodeError, RecursionError):
        problem = Problem(detail=answer.content[:200].decode(errors="replace"))
    if problem.status != answer.status:
        problem = msgspec.structs.replace(problem, status=answer.status, code=problem.code or f"http_{answer.status}")
    return error_of(problem)
