"""What happened in the register. Published: fields are only ever added, with defaults."""

from __future__ import annotations

from kernel.messages import Event
from participants.model import FacilityKind


class CompanyRegistered(Event, frozen=True, gc=False):
    """A company was entered; it may not trade yet."""

    participant_id: str
    uscc: str
    name: str
    name_zh: str
    roles: tuple[str, ...]


class CompanyApproved(Event, frozen=True, gc=False):
    """The operator approved the company: it may trade."""

    participant_id: str


class CompanySuspended(Event, frozen=True, gc=False):
    """The company may not trade for now."""

    participant_id: str
    reason: str


class CompanyReinstated(Event, frozen=True, gc=False):
    """The company may trade again."""

    participant_id: str


class FacilityAdded(Event, frozen=True, gc=False):
    """A place of a company. Position: WGS-84 degrees times 10^7; opening: minutes of the market's day."""

    facility_id: str
    participant_id: str
    kind: FacilityKind
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int
    opens_minute: int
    closes_minute: int


class KeyIssued(Event, frozen=True, gc=False):
    """An API key is valid from now on; ``secret_hash`` is the SHA-256 of its secret, hex."""

    key_id: str
    participant_id: str
    secret_hash: str
    scopes: tuple[str, ...]
    label: str


class KeyRevoked(Event, frozen=True, gc=False):
    """The API key is valid no more."""

    key_id: str


EVENTS: tuple[type[Event], ...] = (
    CompanyRegistered,
    CompanyApproved,
    CompanySuspended,
    CompanyReinstated,
    FacilityAdded,
    KeyIssued,
    KeyRevoked,
)
