"""The rows of the register."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from kernel.tables import NO_ROW_NUMBER, NUMBER, EventRow


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


class WebhookRow(SQLModel, table=True):
    """A webhook; see `participants.model.Webhook`."""

    __tablename__ = "participants_webhooks"

    id: str = Field(primary_key=True, sa_type=Text)
    participant_id: str = Field(sa_type=Text, index=True)
    url: str = Field(sa_type=Text)
    event_types: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    salt: str = Field(sa_type=Text)
    previous_salt: str = Field(sa_type=Text)
    previous_until: int = Field(sa_type=BigInteger)
    added_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    event_seq: int = Field(sa_type=BigInteger)


# What follows is no read model but the deliverer's own bookkeeping: no event tells of it.


class WebhookKeyRow(SQLModel, table=True):
    """The market's webhook key where the environment gives none: drawn once, at the first start."""

    __tablename__ = "participants_webhook_key"

    id: str = Field(primary_key=True, sa_type=Text)
    key: bytes = Field(sa_type=LargeBinary)


class WebhookCursorRow(SQLModel, table=True):
    """How far a webhook has come in a log: everything up to ``seq`` was delivered or is not for it."""

    __tablename__ = "participants_webhook_cursors"
    __table_args__ = NO_ROW_NUMBER

    webhook_id: str = Field(primary_key=True, sa_type=Text)
    room: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(sa_type=BigInteger)


class WebhookStandingRow(SQLModel, table=True):
    """How delivery stands: failed attempts of the message that is next, and when it is tried again (0: now)."""

    __tablename__ = "participants_webhook_standing"

    webhook_id: str = Field(primary_key=True, sa_type=Text)
    failures: int = Field(sa_type=BigInteger)
    next_attempt_at: int = Field(sa_type=BigInteger)
    last_attempt_at: int = Field(sa_type=BigInteger)
    last_success_at: int = Field(sa_type=BigInteger)
    last_error: str = Field(sa_type=Text)


class WebhookAttemptRow(SQLModel, table=True):
    """One attempt to deliver one message; ``id`` is its time in microseconds, made unique."""

    __tablename__ = "participants_webhook_attempts"
    __table_args__ = (Index("participants_webhook_attempts_of", "webhook_id", "id"),)

    id: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    webhook_id: str = Field(sa_type=Text)
    message_id: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    room: str = Field(sa_type=Text)
    seq: int = Field(sa_type=BigInteger)
    number: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    duration_ms: int = Field(sa_type=BigInteger)
    delivered: bool = Field(sa_type=Boolean)
    status_code: int | None = Field(sa_type=BigInteger, nullable=True)
    error: str = Field(sa_type=Text)
