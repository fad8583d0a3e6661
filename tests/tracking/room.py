"""The room over a store, driven through HTTP: a plant, a station, two hauliers, and who else may look."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlmodel import SQLModel

from kernel.auth import SCOPES, Principal
from kernel.clock import SimulatedClock, to_text
from kernel.errors import H2MarketError
from kernel.http import Edge, call_of, problem_response
from kernel.messages import Command
from kernel.rates import RequestRates
from kernel.sequencer import Outcome, Sequencer, Writer
from kernel.store import Store
from kernel.validation import from_validation
from kernel.verify import verify_room
from tests.tracking.scene import (
    BUYER,
    DELIVERED,
    EX_WORKS,
    HAUL,
    HAULIER,
    HEEL_PA,
    HOUR,
    MAXIMUM_G,
    NEXT_YEAR,
    NOMINAL_G,
    NOW,
    RIVAL,
    SELLER,
    STRANGER,
    WINDOW_END,
    WINDOW_START,
)
from tracking import commands
from tracking.api import router
from tracking.quantities import format_pressure
from tracking.service import TrackingService, make_room

OPERATOR, AUDITOR, READER = "P8", "P9", "reader"
PLATE, VESSEL = "晋A0001", "TT-01"

_SCOPES = {
    OPERATOR: frozenset(SCOPES) - {"service"},
    AUDITOR: frozenset({"read", "audit"}),
    READER: frozenset({"read"}),
}
_COMPANY = frozenset({"trade", "track", "settle", "read"})


class Names:
    """Whoever's secret is its own name. ``reader`` is a key of the seller that may only read."""

    def authenticate(self, secret: str) -> Principal | None:
        """None for a name that is none."""
        if secret not in (SELLER, BUYER, HAULIER, RIVAL, STRANGER, OPERATOR, AUDITOR, READER):
            return None
        participant_id = SELLER if secret == READER else secret
        return Principal(participant_id, f"K-{secret}", frozenset(), _SCOPES.get(secret, _COMPANY), True)


def make_app(service: TrackingService) -> Edge:
    """Tracking's routes inside the conventions."""
    app = FastAPI()
    app.include_router(router(service))

    def answer(error: H2MarketError, request: Request) -> Response:
        status, headers, body = problem_response(error, call_of(request.scope), request.url.path)
        response = Response(body, status)
        response.raw_headers = headers
        return response

    @app.exception_handler(H2MarketError)
    async def known(request: Request, error: H2MarketError) -> Response:
        return answer(error, request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(from_validation(error.errors()), request)

    return Edge(app, Names(), rates=RequestRates(10**6, 10**6))


class House:
    """Tracking, running, and those who call it."""

    def __init__(self, service: TrackingService, clock: SimulatedClock, client: httpx.AsyncClient) -> None:
        self.service = service
        self.clock = clock
        self.client = client
        self.meters: dict[tuple[str, str], str] = {}
        self._keys = itertools.count(1)

    async def submit(self, command: Command) -> Outcome:
        """What a follower or the scheduler asks."""
        return await self.service.sequencer.submit(command, actor="test")

    async def get(self, who: str, path: str, status: int = 200, **params: Any) -> Any:
        """The body of an answer that must have this status."""
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        answer = await self.client.get(path, headers=headers, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, who: str, path: str, body: Any, status: int = 201, key: str | None = None) -> Any:
        """The body of an answer that must have this status."""
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self.client.post(path, headers=headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def step(self, who: str, path: str, body: Any) -> Any:
        """Does something twice under one key: the second time changes nothing and gives the same answer."""
        key = f"step-{next(self._keys)}"
        first = await self.post(who, path, body, key=key)
        seq = self.service.sequencer.tail.seq
        assert await self.post(who, path, body, key=key) == first
        assert self.service.sequencer.tail.seq == seq
        return first

    def findings(self) -> list[str]:
        """What `verify` finds in the database."""
        with self.service.store.read_engine.connect() as connection:
            return [f"{found.rule}: {found.en}" for found in verify_room(make_room(), connection)]

    # --- the furniture

    async def furnish(self) -> None:
        """Products, places, instruments, and one lorry with its vessel for each haulier."""
        for product_id, kind, hub, destination in (
            (EX_WORKS, "ex_works", "TAIYUAN", ""),
            (DELIVERED, "delivered", "LINFEN", ""),
            (HAUL, "haulage", "TAIYUAN", "LINFEN"),
        ):
            await self.submit(
                commands.RegisterProduct(
                    product_id, kind, hub, destination, "TUBE20", "FCV", NOMINAL_G, MAXIMUM_G, WINDOW_START, WINDOW_END  # type: ignore[arg-type]
                )
            )  # fmt: skip
        for facility_id, owner, kind, hub in (
            ("F1", SELLER, "plant", "TAIYUAN"),
            ("F2", BUYER, "station", "LINFEN"),
        ):
            await self.submit(commands.RegisterFacility(facility_id, owner, kind, "Site", "站点", hub, 1, 1))
        for owner in (SELLER, BUYER, HAULIER):
            kind = "weighbridge" if owner == HAULIER else "flow"
            await self.meter(owner, kind, 50 if owner == HAULIER else 5_000)
        for owner, plate, vessel_id in ((HAULIER, PLATE, VESSEL), (RIVAL, "晋B0001", "TT-11")):
            await self.step(owner, "/v1/vehicles", {"plate": plate})
            await self.step(owner, "/v1/vessels", vessel(vessel_id))

    async def meter(self, owner: str, kind: str, uncertainty_ppm: int) -> None:
        """Registers an instrument."""
        body = {
            "kind": kind,
            "label": f"{kind} of {owner}",
            "uncertainty_ppm": uncertainty_ppm,
            "calibrated_until": to_text(NEXT_YEAR),
        }
        self.meters[owner, kind] = (await self.step(owner, "/v1/meters", body))["meter_id"]

    # --- the life of a load

    async def plan(self, trade_id: int = 10, loads: int = 1, product_id: str = EX_WORKS) -> None:
        """A trade of hydrogen between seller and buyer."""
        await self.submit(commands.PlanTrade(trade_id, product_id, loads, BUYER, SELLER))

    async def haul(self, trade_id: int = 20, loads: int = 1) -> None:
        """A trade of carriage between buyer and haulier."""
        await self.submit(commands.PlanTrade(trade_id, HAUL, loads, BUYER, HAULIER))

    async def nominate(self, key: str = "S10-1") -> Any:
        """Both sides' nominations; the answer is the buyer's."""
        await self.step(SELLER, f"/v1/shipments/{key}/nominations", {"mass": "330.000", "facility_id": "F1"})
        return await self.step(BUYER, f"/v1/shipments/{key}/nominations", {"mass": "332.000", "facility_id": "F2"})

    async def transport(self, key: str = "S10-1") -> Any:
        """The haulier's lorry and vessel."""
        body = {"plate": PLATE, "vessel_id": VESSEL, "driver_licence": "D-1", "escort_licence": "E-1"}
        return await self.step(HAULIER, f"/v1/shipments/{key}/transport", body)

    async def read(self, stage: str, side: str, who: str, kg: int, key: str = "S10-1") -> Any:
        """A reading: the haulier's by weighbridge, the others' by flow meter."""
        return await self.step(who, f"/v1/shipments/{key}/readings", self.reading(stage, side, who, kg))

    def reading(self, stage: str, side: str, who: str, kg: int) -> dict[str, str]:
        """The body of a reading."""
        if who != HAULIER:
            before, after, meter_id = "1000.000", f"{1_000 + kg}.000", self.meters[who, "flow"]
            return {"stage": stage, "side": side, "meter_id": meter_id, "before_mass": before, "after_mass": after}
        light, heavy = "38000.000", f"{38_000 + kg}.000"
        body = {"stage": stage, "side": side, "meter_id": self.meters[who, "weighbridge"]}
        if stage == "load":
            return {**body, "before_mass": light, "after_mass": heavy}
        residue = {"after_pressure": format_pressure(HEEL_PA), "after_temperature": "15.000"}
        return {**body, "before_mass": heavy, "after_mass": light, **residue}

    async def sign(self, stage: str, side: str, who: str, digest: str, key: str = "S10-1") -> Any:
        """One signature."""
        body = {"stage": stage, "side": side, "digest": digest}
        return await self.step(who, f"/v1/shipments/{key}/signatures", body)

    async def hand(self, stage: str, giver: str, taker: str, kg: int = 330, key: str = "S10-1") -> Any:
        """A whole hand-over; the answer is that of the second signature."""
        await self.read(stage, "giver", giver, kg, key)
        digest = (await self.read(stage, "taker", taker, kg, key))["hand_over"]["digest"]
        await self.sign(stage, "giver", giver, digest, key)
        return await self.sign(stage, "taker", taker, digest, key)

    async def to_transport(self) -> None:
        """A load with its lorry."""
        await self.plan()
        await self.haul()
        await self.nominate()
        await self.transport()

    async def to_arrived(self) -> None:
        """A load at its station."""
        await self.to_transport()
        await self.hand("load", SELLER, HAULIER)
        await self.step(HAULIER, "/v1/shipments/S10-1/departure", {"waybill_no": "YD-001"})
        await self.step(HAULIER, "/v1/shipments/S10-1/arrival", {})

    async def to_delivered(self) -> None:
        """A load in the station's tank."""
        await self.to_arrived()
        await self.hand("unload", HAULIER, BUYER)

    async def move_to(self, at: int) -> None:
        """Time passes."""
        self.clock.advance_to(at)


def vessel(vessel_id: str, **changed: Any) -> dict[str, Any]:
    """The body that registers a vessel of 26 m3 with its heel."""
    return {
        "vessel_id": vessel_id,
        "kind": "tube_trailer",
        "water_volume_l": 26_000,
        "max_pressure": "20.0",
        "inspection_due": to_text(NEXT_YEAR),
        "heel_pressure": format_pressure(HEEL_PA),
        "heel_temperature": "15.000",
        **changed,
    }


def sha256(text: str) -> str:
    """The digest of a document as anybody can compute it."""
    return hashlib.sha256(text.encode()).hexdigest()


@asynccontextmanager
async def running(url: str, *, furnished: bool = True) -> AsyncIterator[House]:
    """Tracking over an empty database."""
    store, clock = Store(url), SimulatedClock(NOW)
    writer = Writer(store)
    with writer.connection.begin():
        SQLModel.metadata.create_all(writer.connection)
    sequencer = Sequencer(make_room(), writer, clock)
    sequencer.start(writer.connection)
    writer.start()
    service = TrackingService(sequencer, store, clock)
    transport = httpx.ASGITransport(make_app(service))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            house = House(service, clock, client)
            if furnished:
                await house.furnish()
            yield house
    finally:
        writer.stop()
        store.close()


__all__ = ["AUDITOR", "HOUR", "OPERATOR", "PLATE", "READER", "VESSEL", "House", "running", "sha256", "vessel"]
