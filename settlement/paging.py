"""Pages of lists in the order of two columns, the second one unique: time or day first, then id."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import tuple_
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from kernel.edge import Page, decode_cursor, page_of
from kernel.errors import InvalidInput

R = TypeVar("R")
T = TypeVar("T")

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ID = re.compile(r"[!-~]{1,64}", re.ASCII)


def keyset_page(
    session: Session,
    query: SelectOfScalar[R],
    first: Any,
    unique: Any,
    cursor: str | None,
    limit: int,
    item: Callable[[R], T],
) -> Page[T]:
    """A page of ``query``, newest first by ``first`` and then ``unique``, continued after ``cursor``."""
    rows = keyset_rows(session, query, first, unique, cursor, limit)
    return page_of(rows, limit, lambda row: f"{getattr(row, first.key)} {getattr(row, unique.key)}", item)


def keyset_rows(
    session: Session, query: SelectOfScalar[R], first: Any, unique: Any, cursor: str | None, limit: int
) -> Sequence[R]:
    """The rows of such a page and one more, if there is one."""
    after = _position(cursor, first)
    if after is not None:
        query = query.where(tuple_(first, unique) < tuple_(*after))
    return session.exec(query.order_by(first.desc(), unique.desc()).limit(limit + 1)).all()


def _position(cursor: str | None, first: Any) -> tuple[Any, str] | None:
    text = decode_cursor(cursor)
    if text is None:
        return None
    head, _, unique = text.partition(" ")
    numeric = first.type.python_type is int
    if (_NUMBER if numeric else _DAY).fullmatch(head) is None or _ID.fullmatch(unique) is None:
        raise bad_cursor()
    return (int(head) if numeric else head), unique


def bad_cursor() -> InvalidInput:
    """The refusal of a cursor that was not given out here."""
    return InvalidInput(
        "cursor", "cursor", "Send the next_cursor of the page before, unchanged.", "请原样发送上一页的 next_cursor。"
    )
