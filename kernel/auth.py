"""Who calls: an API key becomes a principal with scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from kernel.errors import Forbidden

Scope = Literal["trade", "track", "settle", "read", "operate", "audit", "service"]
SCOPES: tuple[str, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Principal:
    """The company behind a key and what the key may do. ``active``: approved and not suspended."""

    participant_id: str
    key_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
    active: bool

    @property
    def sees_all(self) -> bool:
        """An operator or auditor reads every participant's business."""
        return "operate" in self.scopes or "audit" in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises Forbidden naming the scope that is missing."""
        if scope not in self.scopes:
            raise Forbidden(field="Authorization", rule="scope", scope=scope)


class Authenticator(Protocol):
    """Finds the principal of a key's secret; None for a key that is not known or was revoked."""

    def authenticate(self, secret: str) -> Principal | None: ...
