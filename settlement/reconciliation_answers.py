"""What the reconciliation and the settlement run answer."""

from __future__ import annotations

from kernel.edge import Answer, TimeOut


class SideAnswer(Answer):
    """What one side says."""

    what: str
    value: str


class DifferenceAnswer(Answer):
    """Two sides that do not agree, for how long, and what would resolve it."""

    key: str
    left: SideAnswer
    right: SideAnswer
    age_s: int
    resolve: str


class OpenItemAnswer(Answer):
    """Something that is on its way outside the house and is no difference yet."""

    key: str
    what: str
    value: str
    age_s: int


class RuleAnswer(Answer):
    """One rule: how many things were held against each other, and which do not agree."""

    rule: str
    title: str
    checked: int
    differences: list[DifferenceAnswer]
    open_items: list[OpenItemAnswer]


class ReconciliationAnswer(Answer):
    """All rules. ``ok``: no difference."""

    at: TimeOut
    ok: bool
    differences: int
    rules: list[RuleAnswer]


class RunAnswer(Answer):
    """A settlement run: loads ``paid`` by it, ``blocked`` because money is missing, ``waiting`` for a trade."""

    paid: int
    blocked: int
    waiting: int
