"""The kernel's own tables and the shape of every event log."""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field, SQLModel


class EventRow(SQLModel):
    """One event at its place. ``payload`` is canonical JSON text; ``hash`` covers all other columns and
    ``prev_hash``."""

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at: int = Field(sa_type=BigInteger)
    type: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    prev_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class IdempotencyRow(SQLModel, table=True):
    """A key that was used: the request's fingerprint and the events that were its effect."""

    __tablename__ = "kernel_idempotency"

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
    """A room's state at ``seq``: it shortens a start and can be deleted at will."""

    __tablename__ = "kernel_snapshots"

    room: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    digest: str = Field(sa_type=Text)
    state: bytes = Field(sa_type=LargeBinary)
