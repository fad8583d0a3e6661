"""The loads of the simulated day: what was traded, who moves it, how much of it was nominated, and what befalls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from kernel.clock import from_text
from kernel.quantity import format_mass, parse_mass
from seeds.instruments import Truck
from seeds.members import Market, Member
from seeds.trips import Plan, plan_trip

Scene = Literal[
    "mismatch", "late", "off_spec", "short", "disputed", "webhook_twice", "dead_zone", "breakdown", "silent_buyer"
]
#: What befalls one load each:
SCENES: tuple[Scene, ...] = (
    "mismatch",  # the buyer nominates less than the seller: the lesser mass stands
    "late",  # held up on the road until its window is over
    "off_spec",  # its certificate is over a limit: rejected, and brought back
    "short",  # the plant has not enough for it
    "disputed",  # the haulier misreads its gauge: the operator settles the hand-over
    "webhook_twice",  # the terminal's gateway sends a report twice
    "dead_zone",  # no network on the way: fixes come late, in the wrong order, and again
    "breakdown",  # its lorry does not start: the load and its haulage lapse
    "silent_buyer",  # nobody accepts it: a day later it counts as accepted
)
#: Of the seller's nomination, what the buyer of the mismatched load nominates.
MISMATCH_PERCENT = 94


@dataclass(slots=True)
class Load:
    """A load with a haulier. ``rng`` is its own, so that what happens to others changes nothing for it."""

    shipment_id: str
    seller: Member
    buyer: Member
    carrier: Member
    container_class: str
    origin: str
    destination: str
    window_end: int
    nominal_g: int
    maximum_g: int
    plan: Plan
    rng: Random
    scene: Scene | None = None
    confirmed_g: int = 0
    truck: Truck | None = None

    @property
    def path(self) -> str:
        """Its resource."""
        return f"/v1/shipments/{self.shipment_id}"

    def on(self) -> Truck:
        """The truck that it is on."""
        assert self.truck is not None
        return self.truck


def planned_loads(market: Market, seed: int) -> list[Load]:
    """The loads that have a haulier, as their sellers see them, in the order in which they were traded."""
    shipments = [
        shipment
        for member in market.with_role("producer", "storage_operator")
        for shipment in member.session.pages("/v1/shipments", role="seller", state="planned")
        if shipment["carrier_id"] is not None
    ]
    shipments.sort(key=lambda shipment: (int(shipment["trade_id"][1:]), shipment["load_no"]))
    return [_load(market, shipment, Random(f"{seed} load {number}")) for number, shipment in enumerate(shipments)]


def _load(market: Market, shipment: Any, rng: Random) -> Load:
    start, end = from_text(shipment["window_start"]), from_text(shipment["window_end"])
    origin, destination = shipment["origin_hub"], shipment["destination_hub"]
    return Load(
        shipment["shipment_id"],
        market.by_id[shipment["seller_id"]],
        market.by_id[shipment["buyer_id"]],
        market.by_id[shipment["carrier_id"]],
        shipment["container_class"],
        origin,
        destination,
        end,
        parse_mass(shipment["nominal_mass"]),
        parse_mass(shipment["maximum_mass"]),
        plan_trip(rng, origin, destination, start, end),
        rng,
    )


def cast(rng: Random, loads: Sequence[Load]) -> None:
    """Gives each scene to a load of the first window, so that the day is long enough for its end."""
    first = min(load.window_end for load in loads)
    morning = [load for load in loads if load.window_end == first]
    for scene, load in zip(SCENES, rng.sample(morning, len(SCENES)), strict=True):
        load.scene = scene


def nominate(load: Load) -> None:
    """Both sides say how much and where."""
    wanted_g = load.nominal_g * MISMATCH_PERCENT // 100 if load.scene == "mismatch" else load.nominal_g
    load.seller.session.post(f"{load.path}/nominations", _nomination(load.nominal_g, load.seller))
    answer = load.buyer.session.post(f"{load.path}/nominations", _nomination(wanted_g, load.buyer))
    load.confirmed_g = parse_mass(answer["confirmed_mass"])
    assert load.confirmed_g == wanted_g, f"{load.shipment_id}: the lesser nomination stands"


def _nomination(mass_g: int, member: Member) -> dict[str, str]:
    return {"mass": format_mass(mass_g), "facility_id": member.facility_id}
