"""What `schemathesis run` has beside its own checks and generators; schemathesis.toml names this module.

The house answers data that fit the document with 2xx, or with a rule of the trade that says no. A rule of the trade
answers 422 as a rule of shape does, so schemathesis alone cannot tell a document that promises too much from a market
that is closed; the check here can.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, Response

from seeds.identity import credit_code

#: Rules of shape that no JSON Schema states: what an opaque cursor holds, a check digit, a region, an end after a
#: start, ids that differ within a list.
BEYOND_SCHEMA = frozenset({"cursor", "uscc_check_digit", "gcj02_region", "opening", "order", "unique"})
#: The document says of a file that it is one, not what a bank or a trader writes into it.
FILES = frozenset({"importBankStatement", "importOrders"})

_OFFSETS = [UTC, *(timezone(timedelta(hours=hours)) for hours in (-9, 3, 8))]
_MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)) | st.datetimes(  # noqa: DTZ001 - the offset is drawn
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2199, 12, 30),  # noqa: DTZ001
)

schemathesis.openapi.format(
    "date-time",
    st.builds(lambda moment, offset: moment.replace(tzinfo=offset).isoformat(), _MOMENTS, st.sampled_from(_OFFSETS)),
)
schemathesis.openapi.format("uscc", st.integers(1, 99_999).map(credit_code))


@schemathesis.check
def valid_shapes_are_read(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Data that fit the document break no rule of shape."""
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE or response.status_code != 422:
        return
    problem = response.json()
    if problem["code"] != "invalid_input" or case.operation.definition.raw["operationId"] in FILES:
        return
    broken = [entry for entry in problem["errors"] if not _beyond_schema(entry, case.body)]
    assert not broken, f"data that fit the document were not read: {broken}"


def _beyond_schema(entry: dict[str, Any], body: Any) -> bool:
    """Whether the document could not state a rule. JSON Schema calls 2.0 an integer; the house reads no floats."""
    if entry["rule"] == "int_type":
        value = _at(body, entry["field"].split("."))
        return isinstance(value, float) and value.is_integer()
    return entry["rule"] in BEYOND_SCHEMA


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict):
            value = value.get(name)
        else:
            return None
    return value
