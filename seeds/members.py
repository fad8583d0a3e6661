"""The companies once they are on the platform: each with its key, its places and its instruments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from participants.model import Role
from seeds.client import Session
from seeds.companies import Company
from seeds.instruments import Instrument, Truck


@dataclass(slots=True)
class Member:
    """A company at work."""

    company: Company
    participant_id: str
    session: Session
    facility_id: str = ""
    #: What it meters a load with that it gives, and one that it takes.
    giving: Instrument | None = None
    taking: Instrument | None = None
    trucks: list[Truck] = field(default_factory=list)

    @property
    def position(self) -> tuple[int, int]:
        """Where its site is: degrees times 10^7, latitude first."""
        site = self.company.sites[0]
        return site.latitude_e7, site.longitude_e7

    def free_truck(self, container_class: str) -> Truck | None:
        """A truck that stands ready."""
        ready = (truck for truck in self.trucks if not truck.is_out)
        return next((truck for truck in ready if truck.trailer.container_class == container_class), None)


@dataclass(frozen=True, slots=True)
class Market:
    """Everybody: the operator's desk, and the members by their code and by their id."""

    operator: Session
    operator_id: str
    members: Mapping[str, Member]
    by_id: Mapping[str, Member]

    def traders(self) -> Iterator[Member]:
        """Those who buy and sell, in the order of the companies."""
        return (member for member in self.members.values() if member.company.sites)

    def with_role(self, *roles: Role) -> list[Member]:
        """The members in these roles."""
        return [member for member in self.members.values() if member.company.role in roles]
