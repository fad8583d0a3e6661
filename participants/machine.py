"""The pure state machine of the register.

The whole state is in memory: it is small and every room asks for it. Each command is checked in full before its event
is made, so a refusal has changed nothing; the event then takes effect through `evolve`, which replay uses alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from kernel.auth import SCOPES
from kernel.errors import NotFound
from kernel.machine import Changes
from kernel.messages import Command, Event
from participants import checks, commands, errors, events
from participants.model import (
    COMPANIES,
    EXCLUSIVE_ROLES,
    FACILITIES,
    FACILITIES_PER_COMPANY_MAX,
    KEYS,
    LABEL_CHARACTERS_MAX,
    LIVE_KEYS_PER_COMPANY_MAX,
    REASON_CHARACTERS_MAX,
    ROLE_OF_FACILITY,
    ApiKey,
    Company,
    Facility,
    Webhook,
    in_order,
    scopes_for,
)
from participants.webhooks import Webhooks


class _State(msgspec.Struct):
    """What a snapshot holds: the entities in the order in which they came."""

    companies: list[Company]
    facilities: list[Facility]
    keys: list[ApiKey]
    webhooks: list[Webhook] = []


class ParticipantsMachine:
    """Companies, their facilities, their keys and their webhooks."""

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.facilities: dict[str, Facility] = {}
        self.keys: dict[str, ApiKey] = {}
        self.changes = Changes()
        self._by_uscc: dict[str, str] = {}
        self._secret_hashes: set[str] = set()
        self._facility_counts: dict[str, int] = {}
        self._live_key_counts: dict[str, int] = {}
        self.webhooks = Webhooks(self.changes)
        self._decide: dict[type[Command], Callable[[Any, int], Event]] = {
            commands.RegisterCompany: self._register,
            commands.ApproveCompany: self._approve,
            commands.SuspendCompany: self._suspend,
            commands.ReinstateCompany: self._reinstate,
            commands.AddFacility: self._add_facility,
            commands.IssueKey: self._issue_key,
            commands.RevokeKey: self._revoke_key,
            commands.AddWebhook: self._add_webhook,
            **self.webhooks.decide,
        }
        self._effect: dict[type[Event], Callable[[Any, int, int], None]] = {
            events.CompanyRegistered: self._registered,
            events.CompanyApproved: self._approved,
            events.CompanySuspended: self._suspended,
            events.CompanyReinstated: self._reinstated,
            events.FacilityAdded: self._facility_added,
            events.KeyIssued: self._key_issued,
            events.KeyRevoked: self._key_revoked,
            **self.webhooks.effect,
        }

    def apply(self, command: Command, at: int, seq: int) -> list[Event]:
        """Decides and takes effect. Raises InvalidInput, NotFound or one of `participants.errors`, nothing changed."""
        event = self._decide[type(command)](command, seq)
        self.evolve(event, at, seq)
        return [event]

    def evolve(self, event: Event, at: int, seq: int) -> None:
        """Takes the effect of an event that was decided before."""
        self._effect[type(event)](event, at, seq)

    def digest(self) -> str:
        """SHA-256 of the whole state, hex."""
        return hashlib.sha256(self.dump()).hexdigest()

    def dump(self) -> bytes:
        """The whole state as a snapshot. The same log always gives the same bytes."""
        state = _State(
            [*self.companies.values()],
            [*self.facilities.values()],
            [*self.keys.values()],
            [*self.webhooks.by_id.values()],
        )
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Puts a snapshot in the place of the state. Raises msgspec.DecodeError for bytes that are none."""
        decoded = msgspec.msgpack.decode(state, type=_State)
        self.companies = {company.id: company for company in decoded.companies}
        self.facilities = {facility.id: facility for facility in decoded.facilities}
        self.keys = {key.id: key for key in decoded.keys}
        self.webhooks.restore(decoded.webhooks)
        self._by_uscc = {company.uscc: company.id for company in decoded.companies}
        self._secret_hashes = {key.secret_hash for key in decoded.keys}
        self._facility_counts, self._live_key_counts = {}, {}
        for facility in decoded.facilities:
            _count(self._facility_counts, facility.participant_id, 1)
        for key in decoded.keys:
            if key.revoked_at is None:
                _count(self._live_key_counts, key.participant_id, 1)
        self.changes.clear()

    # --- deciding

    def _register(self, command: commands.RegisterCompany, seq: int) -> Event:
        uscc = checks.uscc(command.uscc)
        name, name_zh = checks.line(command.name, "name"), checks.line(command.name_zh, "name_zh")
        roles = checks.roles(command.roles)
        alone = EXCLUSIVE_ROLES.intersection(roles)
        if alone and len(roles) > 1:
            raise errors.RolesExclude(field="roles", role=min(alone))
        if uscc in self._by_uscc:
            raise errors.UsccRegistered(field="uscc", uscc=uscc)
        return events.CompanyRegistered(f"P{seq}", uscc, name, name_zh, roles)

    def _approve(self, command: commands.ApproveCompany, seq: int) -> Event:
        company = self._company(command.participant_id)
        if company.state != "registered":
            raise errors.NotAwaitingApproval(participant_id=company.id, state=company.state)
        return events.CompanyApproved(company.id)

    def _suspend(self, command: commands.SuspendCompany, seq: int) -> Event:
        reason = checks.line(command.reason, "reason", REASON_CHARACTERS_MAX)
        company = self._company(command.participant_id)
        if company.state != "approved":
            raise errors.NotApproved(participant_id=company.id, state=company.state)
        return events.CompanySuspended(company.id, reason)

    def _reinstate(self, command: commands.ReinstateCompany, seq: int) -> Event:
        company = self._company(command.participant_id)
        if company.state != "suspended":
            raise errors.NotSuspended(participant_id=company.id, state=company.state)
        return events.CompanyReinstated(company.id)

    def _add_facility(self, command: commands.AddFacility, seq: int) -> Event:
        checks.facility_kind(command.kind)
        name, name_zh = checks.line(command.name, "name"), checks.line(command.name_zh, "name_zh")
        checks.hub(command.hub)
        checks.position(command.latitude_e7, command.longitude_e7)
        checks.opening(command.opens_minute, command.closes_minute)
        company = self._company_in_order(command.participant_id)
        role = ROLE_OF_FACILITY[command.kind]
        if role not in company.roles.split():
            raise errors.FacilityNeedsRole(field="kind", kind=command.kind, role=role, participant_id=company.id)
        if self._facility_counts.get(company.id, 0) >= FACILITIES_PER_COMPANY_MAX:
            raise errors.FacilitiesFull(participant_id=company.id, limit=FACILITIES_PER_COMPANY_MAX)
        return events.FacilityAdded(
            f"F{seq}",
            company.id,
            command.kind,
            name,
            name_zh,
            command.hub,
            command.latitude_e7,
            command.longitude_e7,
            command.opens_minute,
            command.closes_minute,
        )

    def _issue_key(self, command: commands.IssueKey, seq: int) -> Event:
        checks.secret_hash(command.secret_hash)
        scopes = checks.scopes(command.scopes)
        label = checks.line(command.label, "label", LABEL_CHARACTERS_MAX)
        company = self._company_in_order(command.participant_id)
        roles = company.roles.split()
        if "service" in scopes and (command.origin != "command_line" or "operator" not in roles):
            raise errors.ServiceKeyByCommandLine(field="scopes")
        allowed = scopes_for(roles)
        for scope in scopes:
            if scope != "service" and scope not in allowed:
                listed = ", ".join(in_order(allowed, SCOPES))
                raise errors.ScopeNotAllowed(field="scopes", participant_id=company.id, scope=scope, allowed=listed)
        if command.secret_hash in self._secret_hashes:
            raise errors.SecretInUse(field="secret_hash")
        if self._live_key_counts.get(company.id, 0) >= LIVE_KEYS_PER_COMPANY_MAX:
            raise errors.KeysFull(participant_id=company.id, limit=LIVE_KEYS_PER_COMPANY_MAX)
        return events.KeyIssued(f"K{seq}", company.id, command.secret_hash, scopes, label)

    def _revoke_key(self, command: commands.RevokeKey, seq: int) -> Event:
        key = self.keys.get(command.key_id)
        if key is None:
            raise NotFound(field="key_id", kind="key", id=command.key_id)
        if key.revoked_at is not None:
            raise errors.KeyAlreadyRevoked(key_id=key.id)
        return events.KeyRevoked(key.id)

    def _add_webhook(self, command: commands.AddWebhook, seq: int) -> Event:
        return self.webhooks.add(command, self._company_in_order(command.participant_id).id, seq)

    def _company(self, participant_id: str) -> Company:
        company = self.companies.get(participant_id)
        if company is None:
            raise NotFound(field="participant_id", kind="participant", id=participant_id)
        return company

    def _company_in_order(self, participant_id: str) -> Company:
        company = self._company(participant_id)
        if company.state == "suspended":
            raise errors.CompanyIsSuspended(participant_id=company.id)
        return company

    # --- taking effect

    def _registered(self, event: events.CompanyRegistered, at: int, seq: int) -> None:
        assert event.uscc not in self._by_uscc and event.participant_id not in self.companies
        company = Company(
            event.participant_id,
            event.uscc,
            event.name,
            event.name_zh,
            " ".join(event.roles),
            "registered",
            "",
            at,
            at,
            seq,
        )
        self.companies[company.id] = company
        self._by_uscc[company.uscc] = company.id
        self.changes.put(COMPANIES, company.id, company)

    def _approved(self, event: events.CompanyApproved, at: int, seq: int) -> None:
        company = self.companies[event.participant_id]
        company.state = "approved"
        self._touch(company, at, seq)

    def _suspended(self, event: events.CompanySuspended, at: int, seq: int) -> None:
        company = self.companies[event.participant_id]
        company.state, company.reason = "suspended", event.reason
        self._touch(company, at, seq)

    def _reinstated(self, event: events.CompanyReinstated, at: int, seq: int) -> None:
        company = self.companies[event.participant_id]
        company.state, company.reason = "approved", ""
        self._touch(company, at, seq)

    def _touch(self, company: Company, at: int, seq: int) -> None:
        company.updated_at, company.event_seq = at, seq
        self.changes.put(COMPANIES, company.id, company)

    def _facility_added(self, event: events.FacilityAdded, at: int, seq: int) -> None:
        assert event.participant_id in self.companies and event.facility_id not in self.facilities
        facility = Facility(
            event.facility_id,
            event.participant_id,
            event.kind,
            event.name,
            event.name_zh,
            event.hub,
            event.latitude_e7,
            event.longitude_e7,
            event.opens_minute,
            event.closes_minute,
            at,
            seq,
        )
        self.facilities[facility.id] = facility
        _count(self._facility_counts, facility.participant_id, 1)
        self.changes.put(FACILITIES, facility.id, facility)

    def _key_issued(self, event: events.KeyIssued, at: int, seq: int) -> None:
        assert event.participant_id in self.companies and event.secret_hash not in self._secret_hashes
        key = ApiKey(
            event.key_id, event.participant_id, event.secret_hash, " ".join(event.scopes), event.label, at, None, seq
        )
        self.keys[key.id] = key
        self._secret_hashes.add(key.secret_hash)
        _count(self._live_key_counts, key.participant_id, 1)
        self.changes.put(KEYS, key.id, key)

    def _key_revoked(self, event: events.KeyRevoked, at: int, seq: int) -> None:
        key = self.keys[event.key_id]
        assert key.revoked_at is None
        key.revoked_at, key.event_seq = at, seq
        _count(self._live_key_counts, key.participant_id, -1)
        self.changes.put(KEYS, key.id, key)


def _count(counts: dict[str, int], participant_id: str, by: int) -> None:
    counts[participant_id] = counts.get(participant_id, 0) + by
    assert counts[participant_id] >= 0
