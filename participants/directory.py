"""Who is behind an API key: an in-memory lookup that follows the register's log.

Principals are frozen; a change of a company replaces them, so a request that holds one sees one state throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernel.auth import Principal
from kernel.messages import Event, Recorded
from participants.events import (
    CompanyApproved,
    CompanyRegistered,
    CompanyReinstated,
    CompanySuspended,
    KeyIssued,
    KeyRevoked,
)
from participants.keys import hash_secret, looks_like_secret


@dataclass(frozen=True, slots=True)
class KnownCompany:
    """What other rooms ask of a company. ``active``: approved and not suspended."""

    participant_id: str
    uscc: str
    name: str
    name_zh: str
    roles: frozenset[str]
    active: bool


class Directory:
    """Companies by id, and principals by the SHA-256 of their key's secret. Not thread-safe: one thread updates it."""

    def __init__(self) -> None:
        self._companies: dict[str, KnownCompany] = {}
        self._principals: dict[str, Principal] = {}
        self._hash_of_key: dict[str, str] = {}
        self._keys_of: dict[str, list[str]] = {}

    def authenticate(self, secret: str) -> Principal | None:
        """The principal of a secret; None for one that is not known or was revoked."""
        return self.principal(hash_secret(secret)) if looks_like_secret(secret) else None

    def principal(self, secret_hash: str) -> Principal | None:
        """The principal of a key by the SHA-256 of its secret; None where no valid key has it."""
        return self._principals.get(secret_hash)

    def company(self, participant_id: str) -> KnownCompany | None:
        """A company by its id; None where there is none."""
        return self._companies.get(participant_id)

    def companies(self) -> tuple[KnownCompany, ...]:
        """All companies, in the order in which they registered."""
        return tuple(self._companies.values())

    def update(self, recorded: Recorded) -> None:
        """Takes in the next event of the register's log."""
        self.evolve(recorded.event)

    def evolve(self, event: Event) -> None:
        """Takes in an event; facilities do not concern the directory."""
        match event:
            case CompanyRegistered():
                self._companies[event.participant_id] = KnownCompany(
                    event.participant_id, event.uscc, event.name, event.name_zh, frozenset(event.roles), active=False
                )
            case CompanyApproved() | CompanyReinstated():
                self._activate(event.participant_id, True)
            case CompanySuspended():
                self._activate(event.participant_id, False)
            case KeyIssued():
                self._issued(event)
            case KeyRevoked():
                self._revoked(event.key_id)

    def _activate(self, participant_id: str, active: bool) -> None:
        self._companies[participant_id] = replace(self._companies[participant_id], active=active)
        for secret_hash in self._keys_of.get(participant_id, ()):
            self._principals[secret_hash] = replace(self._principals[secret_hash], active=active)

    def _issued(self, event: KeyIssued) -> None:
        company = self._companies[event.participant_id]
        self._principals[event.secret_hash] = Principal(
            company.participant_id, event.key_id, company.roles, frozenset(event.scopes), company.active
        )
        self._hash_of_key[event.key_id] = event.secret_hash
        self._keys_of.setdefault(company.participant_id, []).append(event.secret_hash)

    def _revoked(self, key_id: str) -> None:
        secret_hash = self._hash_of_key.pop(key_id)
        principal = self._principals.pop(secret_hash)
        self._keys_of[principal.participant_id].remove(secret_hash)
