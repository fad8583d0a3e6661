"""Tracking's routes, assembled from their subjects, and the balance of all gas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter
from sqlalchemy import func
from sqlmodel import Session, col, select

from kernel.edge import Answer, MassOut
from kernel.errors import Forbidden, Unauthenticated
from kernel.openapi import problems
from tracking.custody_api import custody_routes
from tracking.fleet_api import fleet_routes
from tracking.model import METER_DIFFERENCE_ACCOUNT, OPENING_ACCOUNT, VENT_ACCOUNT, vessel_account
from tracking.positions_api import position_routes
from tracking.service import TrackingService
from tracking.shipments_api import shipment_routes
from tracking.tables import MovementRow, ShipmentRow, VesselRow
from tracking.wire import Caller

Place = Literal["opening", "facility", "vessel", "meter_difference", "vent"]
_FIXED: dict[str, Place] = {
    OPENING_ACCOUNT: "opening",
    METER_DIFFERENCE_ACCOUNT: "meter_difference",
    VENT_ACCOUNT: "vent",
}
_PLACES: tuple[Place, ...] = ("opening", "facility", "vessel", "meter_difference", "vent")


class PlaceAnswer(Answer):
    """What all places of a kind gained and gave; ``net`` is the difference."""

    place: Place
    gained: MassOut
    gave: MassOut
    net: MassOut


class MassDifferenceAnswer(Answer):
    """Something whose figure is not that of the movements behind it."""

    subject: str
    booked: MassOut
    found: MassOut


class MassBalanceAnswer(Answer):
    """The mass balance; ``closed`` when every gram is where the movements put it."""

    places: list[PlaceAnswer]
    differences: list[MassDifferenceAnswer]
    closed: bool


def router(service: TrackingService) -> APIRouter:
    """Tracking's routes."""
    routes = APIRouter(tags=["tracking"])
    for part in (fleet_routes, position_routes, shipment_routes, custody_routes):
        routes.include_router(part(service))

    @routes.get("/v1/mass-balance", responses=problems(401, 403, 422, 429), operation_id="getMassBalance")
    def mass_balance(call: Caller) -> MassBalanceAnswer:
        """Where all gas came from, went and is. Scope: operate or audit."""
        if call.principal is None:
            raise Unauthenticated(field="Authorization")
        if not call.principal.sees_all:
            raise Forbidden(field="Authorization", rule="scope", scope="audit")
        with service.store.one_moment() as session:
            return _balance(session)

    return routes


def _balance(session: Session) -> MassBalanceAnswer:
    gained = _sums(session, MovementRow.target)
    gave = _sums(session, MovementRow.source)
    differences = [*_vessel_differences(session, gained, gave), *_load_differences(session)]
    return MassBalanceAnswer(
        places=[_place(place, gained, gave) for place in _PLACES], differences=differences, closed=not differences
    )


def _sums(session: Session, account: str) -> dict[str, int]:
    """Grams by account; ``account`` is the column that names it."""
    column = col(account)
    query = select(column, func.sum(col(MovementRow.mass_g))).group_by(column)
    return {name: int(mass_g) for name, mass_g in session.exec(query)}


def _place(place: Place, gained: dict[str, int], gave: dict[str, int]) -> PlaceAnswer:
    gained_g = sum(mass_g for account, mass_g in gained.items() if _place_of(account) == place)
    gave_g = sum(mass_g for account, mass_g in gave.items() if _place_of(account) == place)
    return PlaceAnswer(place=place, gained=gained_g, gave=gave_g, net=gained_g - gave_g)


def _place_of(account: str) -> Place:
    fixed = _FIXED.get(account)
    if fixed is not None:
        return fixed
    return "vessel" if account.startswith(vessel_account("")) else "facility"


def _vessel_differences(
    session: Session, gained: dict[str, int], gave: dict[str, int]
) -> Iterator[MassDifferenceAnswer]:
    for vessel_id, mass_g in session.exec(select(VesselRow.id, VesselRow.mass_g).order_by(VesselRow.id)):
        account = vessel_account(vessel_id)
        booked_g = gained.get(account, 0) - gave.get(account, 0)
        if booked_g != mass_g:
            yield MassDifferenceAnswer(subject=account, booked=booked_g, found=mass_g)


def _load_differences(session: Session) -> Iterator[MassDifferenceAnswer]:
    """What shipments state in total against the movements of the same kind."""
    kinds = {
        "load": ShipmentRow.loaded_mass_g,
        "unload": ShipmentRow.delivered_mass_g,
        "return": ShipmentRow.returned_mass_g,
    }
    booked = {
        kind: int(mass_g)
        for kind, mass_g in session.exec(
            select(MovementRow.kind, func.sum(col(MovementRow.mass_g))).group_by(MovementRow.kind)
        )
    }
    for kind, column in kinds.items():
        stated_g = int(session.exec(select(func.coalesce(func.sum(col(column)), 0))).one())
        if booked.get(kind, 0) != stated_g:
            yield MassDifferenceAnswer(subject=kind, booked=booked.get(kind, 0), found=stated_g)
