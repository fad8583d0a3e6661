"""What the register tells companies of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlmodel import Session, col, select

from kernel.messages import Event, Recorded
from kernel.notices import Bulletin, Notice, Told, notice, rendered
from participants import events as e
from participants.tables import ApiKeyRow, WebhookRow

TOLD: dict[type[Event], Told] = {
    e.CompanyApproved: Told("company.approved", "the company may trade", "企业获批准"),
    e.CompanySuspended: Told("company.suspended", "the company may not trade for now", "企业被暂停"),
    e.CompanyReinstated: Told("company.reinstated", "the company may trade again", "企业恢复"),
    e.FacilityAdded: Told("facility.added", "a facility was added", "设施已添加"),
    e.KeyIssued: Told("key.issued", "an API key is valid", "API 密钥已签发"),
    e.KeyRevoked: Told("key.revoked", "an API key is valid no more", "API 密钥已吊销"),
    e.WebhookDisabled: Told(
        "webhook.disabled", "another webhook of the company failed too long", "本企业另一回调已停用"
    ),
}
_HIDDEN = frozenset({"secret_hash", "latitude_e7", "longitude_e7", "opens_minute", "closes_minute"})


def make(session: Session, recorded: Sequence[Recorded]) -> Iterator[Notice]:
    """The notices of these events, in order."""
    key_ids = {one.event.key_id for one in recorded if isinstance(one.event, e.KeyRevoked)}
    webhook_ids = {one.event.webhook_id for one in recorded if isinstance(one.event, e.WebhookDisabled)}
    keys = select(ApiKeyRow.id, ApiKeyRow.participant_id).where(col(ApiKeyRow.id).in_(key_ids))
    webhooks = select(WebhookRow.id, WebhookRow.participant_id).where(col(WebhookRow.id).in_(webhook_ids))
    owners: dict[str, str] = dict([*session.exec(keys), *session.exec(webhooks)])
    for one in recorded:
        event = one.event
        match event:
            case e.KeyRevoked():
                owner = owners[event.key_id]
            case e.WebhookDisabled():
                owner = owners[event.webhook_id]
            case _:
                owner = event.participant_id  # type: ignore[attr-defined]
        yield notice(TOLD[type(event)], one, owner, rendered(event, _HIDDEN))


BULLETIN = Bulletin(TOLD, make)
