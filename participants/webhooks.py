"""Webhooks in the register: what may be asked of them, and what it does to them. Part of the pure machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kernel.errors import NotFound
from kernel.machine import Changes
from kernel.messages import Command, Event
from kernel.quantity import MICROS_PER_S
from participants import checks, commands, errors, events
from participants.model import REASON_CHARACTERS_MAX, WEBHOOKS, WEBHOOKS_PER_COMPANY_MAX, Webhook


class Webhooks:
    """All webhooks by id; ``decide`` and ``effect`` are what the machine of the register adds to its own."""

    def __init__(self, changes: Changes) -> None:
        self.by_id: dict[str, Webhook] = {}
        self._changes = changes
        self._counts: dict[str, int] = {}
        self.decide: dict[type[Command], Callable[[Any, int], Event]] = {
            commands.ChangeWebhook: self._change,
            commands.RotateWebhookSecret: self._rotate,
            commands.DisableWebhook: self._disable,
            commands.DeleteWebhook: self._delete,
        }
        self.effect: dict[type[Event], Callable[[Any, int, int], None]] = {
            events.WebhookAdded: self._added,
            events.WebhookChanged: self._changed,
            events.WebhookSecretRotated: self._rotated,
            events.WebhookDisabled: self._disabled,
            events.WebhookDeleted: self._deleted,
        }

    def restore(self, webhooks: Iterable[Webhook]) -> None:
        """Takes the webhooks of a snapshot in place of its own."""
        self.by_id = {webhook.id: webhook for webhook in webhooks}
        self._counts = {}
        for webhook in self.by_id.values():
            if webhook.state != "deleted":
                self._count(webhook.participant_id, 1)

    # --- deciding

    def add(self, command: commands.AddWebhook, participant_id: str, seq: int) -> Event:
        """A webhook for a company that is in order."""
        url, types = checks.webhook_url(command.url), checks.event_types(command.event_types)
        salt = checks.salt(command.salt)
        if self._counts.get(participant_id, 0) >= WEBHOOKS_PER_COMPANY_MAX:
            raise errors.WebhooksFull(participant_id=participant_id, limit=WEBHOOKS_PER_COMPANY_MAX)
        return events.WebhookAdded(f"W{seq}", participant_id, url, types, salt)

    def _change(self, command: commands.ChangeWebhook, seq: int) -> Event:
        webhook = self._known(command.webhook_id)
        url = webhook.url if command.url is None else checks.webhook_url(command.url)
        types = webhook.event_types.split() if command.event_types is None else checks.event_types(command.event_types)
        active = webhook.state == "active" if command.active is None else command.active
        return events.WebhookChanged(webhook.id, url, tuple(types), active)

    def _rotate(self, command: commands.RotateWebhookSecret, seq: int) -> Event:
        salt, overlap_s = checks.salt(command.salt), checks.overlap_s(command.overlap_s)
        return events.WebhookSecretRotated(self._known(command.webhook_id).id, salt, overlap_s)

    def _disable(self, command: commands.DisableWebhook, seq: int) -> Event:
        reason = checks.line(command.reason, "reason", REASON_CHARACTERS_MAX)
        webhook = self._known(command.webhook_id)
        if webhook.state != "active":
            raise errors.WebhookNotActive(webhook_id=webhook.id, state=webhook.state)
        if webhook.event_seq != command.event_seq:
            raise errors.WebhookChangedSince(webhook_id=webhook.id)
        return events.WebhookDisabled(webhook.id, reason)

    def _delete(self, command: commands.DeleteWebhook, seq: int) -> Event:
        return events.WebhookDeleted(self._known(command.webhook_id).id)

    def _known(self, webhook_id: str) -> Webhook:
        webhook = self.by_id.get(webhook_id)
        if webhook is None or webhook.state == "deleted":
            raise NotFound(field="webhook_id", kind="webhook", id=webhook_id)
        return webhook

    # --- taking effect

    def _added(self, event: events.WebhookAdded, at: int, seq: int) -> None:
        assert event.webhook_id not in self.by_id
        types = " ".join(event.event_types)
        webhook = Webhook(
            event.webhook_id, event.participant_id, event.url, types, "active", "", event.salt, "", 0, at, at, seq
        )
        self.by_id[webhook.id] = webhook
        self._count(webhook.participant_id, 1)
        self._changes.put(WEBHOOKS, webhook.id, webhook)

    def _changed(self, event: events.WebhookChanged, at: int, seq: int) -> None:
        webhook = self.by_id[event.webhook_id]
        webhook.url, webhook.event_types = event.url, " ".join(event.event_types)
        # A change of something else leaves a webhook that is disabled as it is, and the reason with it.
        if event.active or webhook.state == "active":
            webhook.state, webhook.reason = "active" if event.active else "paused", ""
        self._touch(webhook, at, seq)

    def _rotated(self, event: events.WebhookSecretRotated, at: int, seq: int) -> None:
        webhook = self.by_id[event.webhook_id]
        webhook.previous_salt, webhook.previous_until = webhook.salt, at + event.overlap_s * MICROS_PER_S
        webhook.salt = event.salt
        self._touch(webhook, at, seq)

    def _disabled(self, event: events.WebhookDisabled, at: int, seq: int) -> None:
        webhook = self.by_id[event.webhook_id]
        assert webhook.state == "active"
        webhook.state, webhook.reason = "disabled", event.reason
        self._touch(webhook, at, seq)

    def _deleted(self, event: events.WebhookDeleted, at: int, seq: int) -> None:
        webhook = self.by_id[event.webhook_id]
        webhook.state, webhook.reason = "deleted", ""
        self._count(webhook.participant_id, -1)
        self._touch(webhook, at, seq)

    def _touch(self, webhook: Webhook, at: int, seq: int) -> None:
        webhook.updated_at, webhook.event_seq = at, seq
        self._changes.put(WEBHOOKS, webhook.id, webhook)

    def _count(self, participant_id: str, by: int) -> None:
        self._counts[participant_id] = self._counts.get(participant_id, 0) + by
        assert self._counts[participant_id] >= 0
