"""The rows of the register."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from kernel.tables import EventRow


class ParticipantsEvent(EventRow, table=True):
    """The register's log."""

    __tablename__ = "participants_events"


class CompanyRow(SQLModel, table=True):
    """A company; see `participants.model.Company`."""

    __tablename__ = "participants_companies"

    id: str = Field(primary_key=True, sa_type=Text)
    uscc: str = Field(sa_type=Text, unique=True)
    name: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    roles: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    registered_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class FacilityRow(SQLModel, table=True):
    """A facility; see `participants.model.Facility`."""

    __tablename__ = "participants_facilities"

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text, index=True)
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    name_zh: str = Field(sa_type=Text)
    hub: str = Field(sa_type=Text, index=True)
    latitude_e7: int = Field(sa_type=BigInteger)
    longitude_e7: int = Field(sa_type=BigInteger)
    opens_minute: int = Field(sa_type=BigInteger)
    closes_minute: int = Field(sa_type=BigInteger)
    added_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


class ApiKeyRow(SQLModel, table=True):
    """An API key's record; see `participants.model.ApiKey`."""

    __tablename__ = "participants_keys"

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text, index=True)
    secret_hash: str = Field(sa_type=Text, unique=True)
    scopes: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    issued_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(sa_type=BigInteger, nullable=True)
    event_seq: int = Field(sa_type=BigInteger)
