"""Problem details in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ProblemEntry(BaseModel):
    """One field and the rule it breaks."""

    field: str | None
    rule: str
    detail: str


class Problem(BaseModel):
    """Problem details (RFC 9457) with a stable ``code`` and the fields at fault."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemEntry]


_MEANING = {
    400: "The request is not well formed.",
    401: "No valid API key.",
    403: "The key does not carry the right.",
    404: "There is no such thing, or it is not the caller's to see.",
    405: "The path does not take the method.",
    409: "The thing's present state does not allow it, or an idempotency key was used with another request.",
    413: "The body is over the limit.",
    415: "The content type is not one the route reads.",
    422: "A field breaks a rule, or a rule of the trade says no; nothing was changed.",
    429: "Too many requests.",
    503: "Nothing was changed; try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route for its documentation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANING[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }
