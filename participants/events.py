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


class WebhookAdded(Event, frozen=True, gc=False):
    """A company's notices are sent to an address from now on."""

    webhook_id: str
    participant_id: str
    url: str
    event_types: tuple[str, ...]
    salt: str


class WebhookChanged(Event, frozen=True, gc=False):
    """The webhook is as its owner says now; what waits is sent at once if it is active."""

    webhook_id: str
    url: str
    event_types: tuple[str, ...]
    active: bool


class WebhookSecretRotated(Event, frozen=True, gc=False):
    """The webhook signs with a new secret, and with the one before too for ``overlap_s``."""

    webhook_id: str
    salt: str
    overlap_s: int


class WebhookDisabled(Event, frozen=True, gc=False):
    """The webhook failed too long; nothing is sent until its owner activates it."""

    webhook_id: str
    reason: str


class WebhookDeleted(Event, frozen=True, gc=False):
    """The webhook is no more."""

    webhook_id: str


EVENTS: tuple[type[Event], ...] = (
    CompanyRegistered,
    CompanyApproved,
    CompanySuspended,
    CompanyReinstated,
    FacilityAdded,
    KeyIssued,
    KeyRevoked,
    WebhookAdded,
    WebhookChanged,
    WebhookSecretRotated,
    WebhookDisabled,
    WebhookDeleted,
)
