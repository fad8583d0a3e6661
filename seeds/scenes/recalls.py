"""Trades that somebody wants back: two people of the operator undo one, and the other one stands, asked for twice."""

from __future__ import annotations

from typing import Any

from seeds.client import Session
from seeds.scenes.stage import CLOUDGATHER, RUSHMOON, Refusal, Stage, traded


def take_back(stage: Stage) -> None:
    """Rushmoon bought a load that it had bought already, and says so at once. Another one it asks back and finds
    in its plan after all; of that one Cloudgather merely regrets the price."""
    other_eyes = _second_person(stage)
    twice = _trade(stage)
    assert _ask(stage, RUSHMOON, twice, "bought twice by mistake")["state"] == "requested"
    stage.operator.post(f"/v1/trades/{twice}/recall/approval")
    with Refusal("recall_needs_other_eyes"):
        stage.operator.post(f"/v1/trades/{twice}/recall/confirmation")
    other_eyes.post(f"/v1/trades/{twice}/recall/confirmation")
    stage.pace.catch_up()
    found = stage.session(CLOUDGATHER).get(f"/v1/trades/{twice}/recall")
    assert found["state"] == "recalled", f"its load had not begun to move: {found}"
    regretted = _trade(stage)
    _ask(stage, RUSHMOON, regretted, "not in our plan")
    with Refusal("recall_of_another"):
        stage.session(CLOUDGATHER).post(f"/v1/trades/{regretted}/recall/withdrawal")
    stage.session(RUSHMOON).post(f"/v1/trades/{regretted}/recall/withdrawal")
    _ask(stage, CLOUDGATHER, regretted, "the price has risen since")
    turned_down = {"reason": "a price that one regrets is no error"}
    other_eyes.post(f"/v1/trades/{regretted}/recall/rejection", turned_down)


def _second_person(stage: Stage) -> Session:
    """Another member of the operator's staff, with a key of their own."""
    key = {
        "participant_id": stage.market.operator_id,
        "scopes": ("operate", "read"),
        "label": "the second person for recalls",
    }
    secret = str(stage.operator.post("/v1/keys", key)["secret"])
    stage.pace.catch_up()
    return Session(stage.operator.wire, secret, "second-person")


def _trade(stage: Stage) -> str:
    """Rushmoon buys a load of Cloudgather's; the trade's id."""
    gas = stage.night.gas
    traded(stage.sell(CLOUDGATHER, gas, 10, 1), 0)
    bought = stage.buy(RUSHMOON, gas, 10, 1)
    traded(bought, 1)
    return str(bought["fills"][0]["trade_id"])


def _ask(stage: Stage, code: str, trade: str, reason: str) -> Any:
    return stage.session(code).post(f"/v1/trades/{trade}/recall", {"reason": reason})
