"""The words of the register: companies with their roles, facilities, API keys.

A company is registered, approved by the operator, and may be suspended and reinstated. It may trade only while its
state is ``approved``. Entities are the rows of the read model; roles and scopes are kept as blank-separated text in
their canonical order. Times are UTC microseconds, positions WGS-84 degrees times 10^7.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from kernel.auth import SCOPES
from kernel.machine import Entity

Role = Literal["producer", "haulier", "storage_operator", "station", "operator", "auditor"]
FacilityKind = Literal["plant", "depot", "storage", "station"]
CompanyState = Literal["registered", "approved", "suspended"]
#: What a webhook does: send; wait because its owner said so; wait because it failed too long; nothing ever again.
WebhookState = Literal["active", "paused", "disabled", "deleted"]
KeyOrigin = Literal["api", "command_line"]

ROLES: tuple[str, ...] = get_args(Role)
FACILITY_KINDS: tuple[str, ...] = get_args(FacilityKind)

#: Roles that a company has alone: who runs or audits the market does not trade in it.
EXCLUSIVE_ROLES = frozenset({"operator", "auditor"})

#: The role that a facility of each kind belongs to.
ROLE_OF_FACILITY: dict[str, str] = {
    "plant": "producer",
    "depot": "haulier",
    "storage": "storage_operator",
    "station": "station",
}

_TRADER_SCOPES = frozenset({"trade", "track", "settle", "read"})
#: The scopes that keys of a company in each role may carry. ``service`` is granted by the command line alone.
SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    "producer": _TRADER_SCOPES,
    "haulier": _TRADER_SCOPES,
    "storage_operator": _TRADER_SCOPES,
    "station": _TRADER_SCOPES,
    "operator": frozenset(SCOPES) - {"service"},
    "auditor": frozenset({"read", "audit"}),
}

NAME_CHARACTERS_MAX = 120
LABEL_CHARACTERS_MAX = 80
REASON_CHARACTERS_MAX = 500
MINUTES_PER_DAY = 1_440
E7_PER_DEGREE = 10_000_000
#: More than any one company of a regional market runs; it bounds what one participant can make the register hold.
FACILITIES_PER_COMPANY_MAX = 200
#: Keys that are not revoked: one per system and person of a large company, and still a list that can be reviewed.
LIVE_KEYS_PER_COMPANY_MAX = 50
#: One for each system that listens; it bounds what one participant can make the platform send.
WEBHOOKS_PER_COMPANY_MAX = 10
WEBHOOK_TYPES_MAX = 50
WEBHOOK_URL_CHARACTERS_MAX = 1_000
#: How long the secret before the present one signs too, at most.
WEBHOOK_OVERLAP_S_MAX = 7 * 86_400

COMPANIES = "participants_companies"
FACILITIES = "participants_facilities"
KEYS = "participants_keys"
WEBHOOKS = "participants_webhooks"


class Company(Entity, gc=False):
    """A company in the register."""

    id: str  # P and the position of its CompanyRegistered event
    uscc: str  # unified social credit code, 18 characters
    name: str
    name_zh: str
    roles: str  # separated by blanks, in the order of ROLES
    state: CompanyState
    reason: str  # why it is suspended, "" otherwise
    registered_at: int
    updated_at: int
    event_seq: int


class Facility(Entity, gc=False):
    """A place where loads are taken up or set down."""

    id: str  # F and the position of its FacilityAdded event
    participant_id: str
    kind: FacilityKind
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int
    opens_minute: int  # of the market's day, 0 to 1439
    closes_minute: int  # 1 to 1440, after opens_minute
    added_at: int
    event_seq: int


class ApiKey(Entity, gc=False):
    """A key's record; the secret itself is nowhere."""

    id: str  # K and the position of its KeyIssued event
    participant_id: str
    secret_hash: str  # SHA-256 of the secret, hex
    scopes: str  # separated by blanks, in the order of kernel.auth.SCOPES
    label: str
    issued_at: int
    revoked_at: int | None
    event_seq: int


class Webhook(Entity, gc=False):
    """An address that a company's notices are sent to. Its secret is nowhere: it is made of a salt and the market's
    webhook key (see `participants.signing`)."""

    id: str  # W and the position of its WebhookAdded event
    participant_id: str
    url: str
    event_types: str  # separated by blanks: order.placed, or order.* for a group
    state: WebhookState
    reason: str  # why it is disabled, "" otherwise
    salt: str  # 32 hexadecimal digits
    previous_salt: str  # of the secret before, "" where there is none
    previous_until: int  # when the secret before stops signing
    added_at: int
    updated_at: int
    event_seq: int


def in_order(given: Iterable[str], order: tuple[str, ...]) -> tuple[str, ...]:
    """``given`` sorted as in ``order``, so that the same set is always written the same way."""
    return tuple(sorted(given, key=order.index))


def scopes_for(roles: Iterable[str]) -> frozenset[str]:
    """The scopes that keys of a company with these roles may carry, without ``service``."""
    return frozenset().union(*(SCOPES_OF_ROLE[role] for role in roles))
