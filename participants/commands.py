"""What may be asked of the register."""

from __future__ import annotations

from kernel.messages import Command
from participants.model import FacilityKind, KeyOrigin


class RegisterCompany(Command, frozen=True, gc=False):
    """Enters a company; it may trade once the operator has approved it. A credit code registers once."""

    uscc: str
    name: str
    name_zh: str
    roles: tuple[str, ...]


class ApproveCompany(Command, frozen=True, gc=False):
    """Lets a registered company trade."""

    participant_id: str


class SuspendCompany(Command, frozen=True, gc=False):
    """Stops an approved company from trading."""

    participant_id: str
    reason: str


class ReinstateCompany(Command, frozen=True, gc=False):
    """Lets a suspended company trade again."""

    participant_id: str


class AddFacility(Command, frozen=True, gc=False):
    """Adds a place of a company. Positions are WGS-84 (see `participants.geo` for GCJ-02)."""

    participant_id: str
    kind: FacilityKind
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int
    opens_minute: int
    closes_minute: int


class IssueKey(Command, frozen=True, gc=False):
    """Records an API key. The secret is made at the edge (see `participants.keys`) and only its SHA-256 comes here."""

    participant_id: str
    secret_hash: str
    scopes: tuple[str, ...]
    label: str
    origin: KeyOrigin = "api"


class RevokeKey(Command, frozen=True, gc=False):
    """Ends an API key for ever."""

    key_id: str


class AddWebhook(Command, frozen=True, gc=False):
    """Has a company's notices sent to an address. The salt of its secret is drawn at the edge."""

    participant_id: str
    url: str
    event_types: tuple[str, ...]
    salt: str


class ChangeWebhook(Command, frozen=True, gc=False):
    """Changes what is not None. To activate a webhook, even an active one, has what waits sent at once."""

    webhook_id: str
    url: str | None = None
    event_types: tuple[str, ...] | None = None
    active: bool | None = None


class RotateWebhookSecret(Command, frozen=True, gc=False):
    """Gives a webhook a new secret; the one before signs beside it for ``overlap_s``."""

    webhook_id: str
    salt: str
    overlap_s: int


class DisableWebhook(Command, frozen=True, gc=False):
    """Stops a webhook that has failed too long; its owner may activate it again. ``event_seq`` is that of the webhook
    that failed: one that was changed meanwhile, perhaps to mend it, begins anew."""

    webhook_id: str
    reason: str
    event_seq: int


class DeleteWebhook(Command, frozen=True, gc=False):
    """Ends a webhook for ever."""

    webhook_id: str


COMMANDS: tuple[type[Command], ...] = (
    RegisterCompany,
    ApproveCompany,
    SuspendCompany,
    ReinstateCompany,
    AddFacility,
    IssueKey,
    RevokeKey,
    AddWebhook,
    ChangeWebhook,
    RotateWebhookSecret,
    DisableWebhook,
    DeleteWebhook,
)
