"""A check that `schemathesis run` makes beside its own (see schemathesis.toml)."""

from __future__ import annotations

import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, Response


@schemathesis.check
def valid_shapes_are_taken(ctx: CheckContext, response: Response, case: Case) -> None:
    """A status of 422 is a rule of the trade or a rule of shape; data that fit the document break no rule of shape."""
    meta = case.meta
    if response.status_code != 422 or meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return
    problem = response.json()
    broken = {entry["rule"] for entry in problem["errors"]}
    if problem["code"] == "invalid_input":
        raise AssertionError(f"data that fit the document were called misshapen: {problem['errors']}")
