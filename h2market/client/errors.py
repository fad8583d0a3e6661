"""What may go wrong, as a tree.

ClientError
├── ApiError              the exchange answered with a problem document
│   ├── InvalidRequest    422  a field breaks a rule of its shape
│   ├── Refused           422  the rules of the trade say no; on record, and refused the same way when sent again
│   ├── Unauthenticated   401
│   ├── Forbidden         403
│   ├── NotFound          404
│   ├── Conflict          409  the present state does not allow it, or a key came back with another request
│   ├── RateLimited       429  after all tries
│   └── ServerFailed      5xx  after all tries
├── NoAnswer              no answer came, and nothing was to be changed
├── OutcomeUnknown        a change may have taken effect: ask again under the same id
└── StreamError
    ├── StreamRefused     the stream does not take this key
    ├── StreamClosed      it was closed from this side
    └── Overrun           messages were not read, and there is no more room for them
"""

from __future__ import annotations

from typing import Any

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request."""

    field: str | None
    rule: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457) as the exchange gives them. ``params`` are the numbers of the sentence."""

    code: str = ""
    status: int = 0
    detail: str = ""
    request_id: str = ""
    errors: tuple[FieldError, ...] = ()
    params: dict[str, Any] = {}

    @property
    def field(self) -> str | None:
        """The first field at fault, as the request named it."""
        return self.errors[0].field if self.errors else None

    @property
    def rule(self) -> str:
        """The rule that it broke."""
        return self.errors[0].rule if self.errors else self.code


class ClientError(Exception):
    """Base of everything that this package raises for its user."""


class ApiError(ClientError):
    """An answer that is a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.status = problem.status
        self.code = problem.code
        self.field = problem.field
        self.rule = problem.rule
        self.params = problem.params
        self.request_id = problem.request_id
        at_field = f" ({problem.field})" if problem.field else ""
        super().__init__(f"{problem.status} {problem.code}{at_field}: {problem.detail}")


class InvalidRequest(ApiError):
    """A field breaks a rule of its shape; nothing was changed."""


class Refused(ApiError):
    """The rules of the trade say no."""


class Unauthenticated(ApiError):
    """No key, or one that is not valid."""


class Forbidden(ApiError):
    """The key does not carry the right."""


class NotFound(ApiError):
    """There is no such thing, or it is another's."""


class Conflict(ApiError):
    """The present state does not allow it."""


class RateLimited(ApiError):
    """Too many requests, and there was no more time to wait."""


class ServerFailed(ApiError):
    """The exchange could not answer, however often it was asked."""


class NoAnswer(ClientError):
    """No answer came to a request that changes nothing."""


class OutcomeUnknown(ClientError):
    """A change may have taken effect or not. ``client_order_ids`` or ``idempotency_key`` are what it was sent under: to
    ask again under the same never has a second effect. `Client.end_order` makes sure of an order."""

    def __init__(self, what: str, *, client_order_ids: tuple[str, ...] = (), idempotency_key: str = "") -> None:
        self.client_order_ids = client_order_ids
        self.idempotency_key = idempotency_key
        under = ", ".join(client_order_ids) or idempotency_key
        super().__init__(f"{what} was sent under {under}, and whether it took effect is not known")


class StreamError(ClientError):
    """The stream does not go on."""


class StreamRefused(StreamError):
    """The key is not known, was revoked, or its company is suspended."""


class StreamClosed(StreamError):
    """The stream was closed from this side."""


class Overrun(StreamError):
    """More messages wait than there is room for: whoever subscribes has to read."""


_OF_STATUS: dict[int, type[ApiError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
_SHAPE = frozenset({"invalid_input"})


def error_of(problem: Problem) -> ApiError:
    """The error that a problem is raised as."""
    if problem.status >= 500:
        return ServerFailed(problem)
    if problem.status == 422:
        return InvalidRequest(problem) if problem.code in _SHAPE else Refused(problem)
    return _OF_STATUS.get(problem.status, ApiError)(problem)
