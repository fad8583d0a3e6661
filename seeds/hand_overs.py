"""How a load changes hands: both sides read their meters, both sign the document; a dispute goes to the operator."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from seeds.client import Session
from seeds.instruments import Reading
from seeds.loads import Load
from seeds.members import Member

Stage = Literal["load", "unload", "return"]

#: What the operator writes on a settled reading of the simulated day.
NOTE = "The trailer's thermometer was iced over: the plant's meter stands."


def hand_over(
    operator: Session, load: Load, stage: Stage, giver: tuple[Member, Reading], taker: tuple[Member, Reading]
) -> None:
    """A whole hand-over of a stage. The taker reads last, so its answer proposes what the giver then reads itself."""
    (giving, given), (taking, taken) = giver, taker
    giving.session.post(f"{load.path}/readings", {"stage": stage, "side": "giver", **given})
    answer = taking.session.post(f"{load.path}/readings", {"stage": stage, "side": "taker", **taken})
    proposal = answer["hand_over"]
    disputed = proposal["status"] == "disputed"
    assert disputed == (load.scene == "disputed" and stage == "load"), f"{load.shipment_id} {stage}: {answer}"
    proposed: str = _settle(operator, load, stage) if disputed else proposal["digest"]
    read = _digest_read(giving.session, load, stage)
    assert read == proposed, f"{load.shipment_id} {stage}: the document is not what was proposed"
    _sign(giving.session, load, stage, "giver", read)
    passed = _sign(taking.session, load, stage, "taker", proposed)
    assert passed, f"{load.shipment_id} {stage}: custody passes with the second signature"


def _sign(session: Session, load: Load, stage: Stage, side: str, digest: str) -> bool:
    signature = {"stage": stage, "side": side, "digest": digest}
    passed: bool = session.post(f"{load.path}/signatures", signature)["custody_passed"]
    return passed


def _settle(operator: Session, load: Load, stage: Stage) -> str:
    """The operator takes the plant's word; returns the digest of the settled document."""
    hand_over = _hand_over(operator, load, stage)
    decision = {"stage": stage, "agreed_mass": hand_over["giver_reading"]["mass"], "note": NOTE}
    digest: str = operator.post(f"{load.path}/settled-reading", decision)["digest"]
    return digest


def _digest_read(session: Session, load: Load, stage: Stage) -> str:
    """The digest of the document that the signer has read itself."""
    hand_over = _hand_over(session, load, stage)
    digest = hashlib.sha256(hand_over["document"].encode()).hexdigest()
    assert digest == hand_over["digest"], f"{load.shipment_id} {stage}: the digest is not that of the document"
    return digest


def _hand_over(session: Session, load: Load, stage: Stage) -> Any:
    hand_overs = session.get(f"{load.path}/hand-overs")["items"]
    return next(one for one in hand_overs if one["stage"] == stage)
