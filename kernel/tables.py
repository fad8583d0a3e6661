"""The kernel's own tables and the shape of every event log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

#: A numbered primary key. On SQLite INTEGER makes it the row's own number (64 bits); any other type would cost a second
#: tree, as would a row number beside a text key.
NUMBER: Any = Integer().with_variant(BigInteger(), "postgresql")
NO_ROW_NUMBER: dict[str, Any] = {"sqlite_with_rowid": False}


class EventRow(SQLModel):
    """One event at its place. ``payload`` is canonical JSON text; ``hash`` covers all other columns and
    ``prev_hash``."""

    seq: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    type: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    prev_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class IdempotencyRow(SQLModel, table=True):
    """A key that was used: the request's fingerprint and the events that were its effect."""

    __tablename__ = "kernel_idempotency"
    __table_args__ = NO_ROW_NUMBER

    room: str = Field(primary_key=True, sa_type=Text)
    scope: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    fingerprint: bytes = Field(sa_type=LargeBinary)
    first_seq: int = Field(sa_type=BigInteger)
    events: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)


class CursorRow(SQLModel, table=True):
    """How far a follower has come in the log it follows."""

    __tablename__ = "kernel_cursors"

    follower: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(sa_type=BigInteger)


class SnapshotRow(SQLModel, table=True):
    """A part of a room's state at ``seq``: it shortens a start and can be deleted at will."""

    __tablename__ = "kernel_snapshots"

    room: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    part: int = Field(primary_key=True, sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    digest: str = Field(sa_type=Text)
    state: bytes = Field(sa_type=LargeBinary)
