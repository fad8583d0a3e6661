"""The day on the road: an agenda of steps in simulated time, from the loading arm to the station and sometimes back."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import count

from kernel.clock import to_text
from seeds.certificates import certificate
from seeds.client import Session
from seeds.hand_overs import hand_over
from seeds.loads import Load
from seeds.members import Market
from seeds.pace import Pace
from seeds.roads import road_m
from seeds.trips import MINUTE_US, Fix, filled_g, fix, fix_times, on_tick

#: A haulier whose trucks are all out looks again after so long.
WAIT_MIN = 15
#: How far after its window the late load arrives.
LATE_MIN = 40
#: What a plant that has run out fills, of what was confirmed.
SHORT_PERCENT = 70
#: What the misread gauge shows of the contents.
MISREAD_PERCENT = 90
#: What stays in a trailer varies by so much around its heel.
HEEL_PERCENT = (97, 103)

Action = Callable[[Load], None]


class Agenda:
    """What is to be done and when; of two things at one time the one that was planned first."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Action, Load]] = []
        self._numbers = count()

    def add(self, at: int, action: Action, load: Load) -> None:
        """Plans a step."""
        heapq.heappush(self._entries, (at, next(self._numbers), action, load))

    def run(self, pace: Pace) -> None:
        """Does everything, and what is planned on the way."""
        while self._entries:
            at, _, action, load = heapq.heappop(self._entries)
            if at > pace.now_us:
                pace.move(at)
            action(load)


class Deliveries:
    """All loads on their way. ``done`` is told of each load that came to its end."""

    def __init__(self, market: Market, pace: Pace, done: Callable[[int], None]) -> None:
        self._operator: Session = market.operator
        self._pace = pace
        self._done = done
        self._agenda = Agenda()

    def run(self, loads: Sequence[Load]) -> None:
        """Moves every load and the clock with them."""
        for load in loads:
            self._agenda.add(load.plan.fill_at, self._bring_truck, load)
        self._agenda.run(self._pace)

    # --- at the plant

    def _bring_truck(self, load: Load) -> None:
        truck = load.carrier.free_truck(load.container_class)
        if truck is None:
            load.plan = load.plan.later(WAIT_MIN)
            if load.plan.depart_at < load.window_end:
                self._agenda.add(load.plan.fill_at, self._bring_truck, load)
            else:
                self._done(1)  # nobody comes any more: it lapses
            return
        truck.is_out, load.truck = True, truck
        trailer = truck.trailer
        papers = {
            "plate": trailer.plate,
            "vessel_id": trailer.vessel_id,
            "driver_licence": trailer.driver_licence,
            "escort_licence": trailer.escort_licence,
        }
        load.carrier.session.post(f"{load.path}/transport", papers)
        if load.scene == "breakdown":
            self._done(1)
        else:
            self._agenda.add(load.plan.depart_at, self._fill_and_leave, load)

    def _fill_and_leave(self, load: Load) -> None:
        rng, truck = load.rng, load.on()
        assert load.seller.giving is not None
        passed_g = filled_g(rng, load.confirmed_g, load.maximum_g)
        if load.scene == "short":
            passed_g = load.confirmed_g * SHORT_PERCENT // 100
        given = load.seller.giving.read(rng, passed_g, set_down=False)
        misread = MISREAD_PERCENT if load.scene == "disputed" else 100
        taken = truck.gauge_change(rng, truck.contents_g + passed_g, shown_percent=misread)
        hand_over(self._operator, load, "load", (load.seller, given), (load.carrier, taken))
        paper = certificate(rng, to_text(load.plan.fill_at), spoiled=load.scene == "off_spec")
        verdict = load.seller.session.post(f"{load.path}/certificate", paper)["verdict"]
        assert verdict == ("off_spec" if load.scene == "off_spec" else "in_spec"), f"{load.shipment_id} is {verdict}"
        load.carrier.session.post(f"{load.path}/departure", {"waybill_no": f"YD-{load.shipment_id}"})
        if load.scene == "late":
            load.plan = load.plan.arriving(on_tick(load.window_end + LATE_MIN * MINUTE_US))
        if load.scene != "dead_zone":
            half_way = on_tick((load.plan.depart_at + load.plan.arrive_at) // 2)
            self._agenda.add(half_way, self._report_half_way, load)
        self._agenda.add(load.plan.arrive_at, self._arrive, load)

    # --- on the road

    def _report_half_way(self, load: Load) -> None:
        self._report(load, [at for at in self._fix_times(load) if at <= self._pace.now_us])

    def _arrive(self, load: Load) -> None:
        if load.scene == "dead_zone":
            self._report_after_dead_zone(load)
        else:
            half_way = on_tick((load.plan.depart_at + load.plan.arrive_at) // 2)
            self._report(load, [at for at in self._fix_times(load) if at > half_way])
        late_s = load.carrier.session.post(f"{load.path}/arrival", {})["late_s"]
        assert (late_s > 0) == (load.plan.arrive_at > load.window_end), f"{load.shipment_id} is {late_s} s late"
        self._agenda.add(load.plan.empty_at, self._bring_back if load.scene == "off_spec" else self._unload, load)

    def _fix_times(self, load: Load) -> list[int]:
        return fix_times(load.plan.depart_at, load.plan.arrive_at)

    def _fixes(self, load: Load, times: Sequence[int]) -> list[Fix]:
        metres, start, end = road_m(load.origin, load.destination), load.seller.position, load.buyer.position
        return [{**fix(at, load.plan, start, end, metres), **load.on().sensors(load.rng)} for at in times]

    def _report(self, load: Load, times: Sequence[int]) -> None:
        """The terminal's gateway posts fixes under a key of its own, as webhooks do."""
        if not times:
            return
        body = {"plate": load.on().trailer.plate, "fixes": self._fixes(load, times)}
        key = f"fix-{load.shipment_id}-{times[-1]}"
        answer = load.carrier.session.post("/v1/positions", body, key=key)
        assert answer == {"accepted": len(times), "known": 0}, f"{load.shipment_id}: {answer}"
        if load.scene == "webhook_twice":
            again = load.carrier.session.post("/v1/positions", body, key=key)
            assert again == answer, f"{load.shipment_id}: the same request was answered with {again}"
            self._check_way(load, times[-1])

    def _report_after_dead_zone(self, load: Load) -> None:
        """Everything at once and backwards, and then the older half of it again."""
        body = {"plate": load.on().trailer.plate, "fixes": self._fixes(load, self._fix_times(load))[::-1]}
        load.carrier.session.post("/v1/positions", body)
        older = body["fixes"][len(body["fixes"]) // 2 :]
        again = load.carrier.session.post("/v1/positions", {"plate": body["plate"], "fixes": older})
        assert again == {"accepted": 0, "known": len(older)}, f"{load.shipment_id}: {again}"
        self._check_way(load, load.plan.arrive_at)

    def _check_way(self, load: Load, until: int) -> None:
        """The haulier looks at the lorry's way: each fix is there once, in order."""
        path = f"/v1/vehicles/{load.on().trailer.plate}/positions"
        found = load.carrier.session.pages(path, **{"from": to_text(load.plan.depart_at)})
        expected = [to_text(at) for at in self._fix_times(load) if at <= until]
        assert [one["fix_time"] for one in found] == expected, f"{load.shipment_id}: the way has {len(found)} fixes"

    # --- at the station

    def _unload(self, load: Load) -> None:
        rng, truck = load.rng, load.on()
        assert load.buyer.taking is not None
        residue_g = truck.heel_g() * rng.randint(*HEEL_PERCENT) // 100
        taken = load.buyer.taking.read(rng, truck.contents_g - residue_g, set_down=True)
        given = truck.gauge_change(rng, residue_g)
        hand_over(self._operator, load, "unload", (load.carrier, given), (load.buyer, taken))
        truck.is_out = False
        if load.scene != "silent_buyer":
            load.buyer.session.post(f"{load.path}/acceptance", {})
        self._done(1)

    def _bring_back(self, load: Load) -> None:
        rejection = load.buyer.session.post(f"{load.path}/rejection", {"reason": "off_spec"})
        assert rejection["fault"] == "seller", f"{load.shipment_id}: {rejection}"
        road_us = load.plan.arrive_at - load.plan.depart_at
        self._agenda.add(on_tick(self._pace.now_us + road_us), self._return, load)

    def _return(self, load: Load) -> None:
        rng, truck = load.rng, load.on()
        assert load.seller.giving is not None
        residue_g = truck.heel_g() * rng.randint(*HEEL_PERCENT) // 100
        taken = load.seller.giving.read(rng, truck.contents_g - residue_g, set_down=True)
        given = truck.gauge_change(rng, residue_g)
        hand_over(self._operator, load, "return", (load.carrier, given), (load.seller, taken))
        truck.is_out = False
        self._done(1)
