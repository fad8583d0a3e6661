"""Ids at the edge: a letter that says what it is, then the position in the log that made it (`O123`, `T124`, `P7`)."""

from __future__ import annotations

import itertools
import re
import secrets

from kernel.errors import InvalidInput, NotFound

_NUMBERED = re.compile(r"([A-Z])([1-9][0-9]{0,17})", re.ASCII)
#: A request id is this process's own random part and a number: unique without asking the system each time.
_PROCESS = secrets.token_hex(8)
_requests = itertools.count(1)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


def number_of(text: str, letter: str, kind: str) -> int:
    """``"O123"`` gives 123. What does not look like such an id names nothing: raises NotFound."""
    match = _NUMBERED.fullmatch(text)
    if match is None or match.group(1) != letter:
        raise NotFound(field=f"{kind}_id", kind=kind, id=text[:64])
    return int(match.group(2))


def filter_number(text: str | None, letter: str, field: str) -> int | None:
    """The number of an id given as a filter. Raises InvalidInput naming the field."""
    if text is None:
        return None
    match = _NUMBERED.fullmatch(text)
    if match is None or match.group(1) != letter:
        raise InvalidInput(field, "id", f'An id here looks like "{letter}123".', f"此处的编号形如“{letter}123”。")
    return int(match.group(2))


def request_id(given: str | None) -> str:
    """The caller's own request id if it is a fit one, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"{_PROCESS}-{next(_requests):x}"
