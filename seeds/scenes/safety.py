"""What keeps a trader, or the market, from harm: switches that end orders, and limits on how many come."""

from __future__ import annotations

from decimal import Decimal

from h2market.client import NewOrder, OrderEvent, Stream
from seeds.scenes.stage import CLOUDGATHER, GOOSELETTER, GREENSAIL, PAULOWNIA, RUSHMOON, Refusal, Stage, ended, traded
from seeds.scenes.streams import Line, Streams, hear_own

#: Without a sign of life for so long, Cloudgather's orders end.
SILENT_S = 240
#: What Greensail may send in ten seconds while its program is looked at.
SLOWLY = 2


def fall_silent(stage: Stage) -> None:
    """Cloudgather sets a dead-man switch, and then its office loses power."""
    gas, desk = stage.night.gas, stage.session(CLOUDGATHER)
    desk.put("/v1/dead-man-switch", {"timeout_s": SILENT_S})
    offer = stage.sell(CLOUDGATHER, gas, 30, 1)
    stage.wait(3)
    desk.put("/v1/dead-man-switch", {"timeout_s": SILENT_S})
    stage.wait(3)
    assert stage.look(CLOUDGATHER, offer)["status"] == "new", "the switch was renewed in time"
    stage.wait(3)
    ended(stage.look(CLOUDGATHER, offer), "dead_man")
    desk.put("/v1/dead-man-switch", {"timeout_s": 0})


def cut_the_line(stage: Stage, streams: Streams, rushmoon: Stream, line: Line) -> None:
    """An excavator cuts Rushmoon's line: what it had placed on it is cancelled, as it hears when it is back."""
    gas = stage.night.gas
    own = streams.run(rushmoon.own())
    placed = [
        streams.run(rushmoon.place(NewOrder(
            client_order_id=stage.order_id(RUSHMOON, "stream"), product_id=gas.product_id, side="buy", loads=1,
            price=Decimal(stage.price(gas, above)),
        ))).order_id
        for above in (-40, -50)
    ]  # fmt: skip
    before = rushmoon.connections
    streams.run(line.cut())
    heard = streams.run(hear_own(
        own, lambda events: sum(isinstance(one, OrderEvent) and one.change == "cancelled" for one in events) == 2
    ))  # fmt: skip
    ends = {one.order_id: one.reason for one in heard if isinstance(one, OrderEvent) and one.change == "cancelled"}
    assert ends == dict.fromkeys(placed, "disconnected"), f"{ends} of {placed}"
    assert rushmoon.connections == before + 1, "it should have heard that over a new connection"


def pull_kill_switches(stage: Stage) -> None:
    """Gooseletter pulls its own kill switch, the operator the one that it has for Greensail; both are released."""
    haulage = stage.night.haulage
    offer = stage.sell(GOOSELETTER, haulage, 20, 1)
    switch = stage.session(GOOSELETTER)
    assert switch.post("/v1/kill-switch")["cancelled"] >= 1
    ended(stage.look(GOOSELETTER, offer), "kill_switch")
    with Refusal("kill_switch"):
        stage.sell(GOOSELETTER, haulage, 20, 1)
    assert not switch.delete("/v1/kill-switch")["pulled"]

    offer = stage.sell(GREENSAIL, haulage, 20, 1)
    path = f"/v1/participants/{stage.member(GREENSAIL).participant_id}/kill-switch"
    assert stage.operator.post(path)["cancelled"] >= 1
    ended(stage.look(GREENSAIL, offer), "kill_switch")
    assert stage.session(GREENSAIL).delete("/v1/kill-switch")["pulled_by_operator"], "this is the operator's to release"
    with Refusal("kill_switch"):
        stage.sell(GREENSAIL, haulage, 20, 1)
    assert not stage.operator.delete(path)["pulled_by_operator"]
    for code in (GOOSELETTER, GREENSAIL):
        stage.cancel(code, stage.sell(code, haulage, 20, 1))


def halt_the_market(stage: Stage) -> None:
    """A leak is reported at Xiaoyi: the operator halts the whole market. Cancels pass, and nothing else, until it is
    resumed."""
    gas = stage.night.gas
    bid = stage.buy(PAULOWNIA, gas, -20, 1)
    assert stage.operator.post("/v1/market/halt", {"reason": "leak reported at Xiaoyi"})["halted"]
    with Refusal("market_halted"):
        stage.buy(RUSHMOON, gas, -20, 1)
    with Refusal("market_halted"):
        stage.amend(PAULOWNIA, bid, price=stage.price(gas, -10))
    stage.cancel(PAULOWNIA, bid)
    assert not stage.operator.delete("/v1/market/halt")["halted"]
    again = stage.buy(RUSHMOON, gas, -20, 1)
    traded(again, 0)
    stage.cancel(RUSHMOON, again)


def slow_down(stage: Stage) -> None:
    """Greensail's program sends too much: the operator lets it send two orders in ten seconds, and then as before."""
    haulage = stage.night.haulage
    path = f"/v1/participants/{stage.member(GREENSAIL).participant_id}/order-rates"
    before = {name: rate["allowed"] for name, rate in _rates(stage, path).items()}
    stage.operator.put(path, {**before, "per_10s": SLOWLY})
    offers = [stage.sell(GREENSAIL, haulage, 20, 1) for _ in range(SLOWLY)]
    with Refusal("order_rate_exceeded"):
        stage.sell(GREENSAIL, haulage, 20, 1)
    for offer in offers:
        stage.cancel(GREENSAIL, offer)
    stage.operator.put(path, before)


def _rates(stage: Stage, path: str) -> dict[str, dict[str, int]]:
    answer = stage.operator.get(path)
    return {name: answer[name] for name in ("per_10s", "per_hour", "per_day")}
