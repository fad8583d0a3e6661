"""Routes of settlement: the bank, the ledger, money out, and what holds it all against the other rooms."""

from __future__ import annotations

from fastapi import APIRouter

from kernel.errors import Language
from kernel.openapi import problems
from settlement.bank_api import bank_routes
from settlement.ledger_api import ledger_routes
from settlement.parameters import Caller, require_overview
from settlement.payouts_api import payout_routes
from settlement.reconciliation import Difference, OpenItem, Report, RuleResult, Side
from settlement.reconciliation_answers import (
    DifferenceAnswer,
    OpenItemAnswer,
    ReconciliationAnswer,
    RuleAnswer,
    RunAnswer,
    SideAnswer,
)
from settlement.service import SettlementService


def router(service: SettlementService) -> APIRouter:
    """Settlement's routes."""
    routes = APIRouter()
    routes.include_router(bank_routes(service))
    routes.include_router(ledger_routes(service))
    routes.include_router(payout_routes(service))

    @routes.post(
        "/v1/settlement-runs",
        status_code=201,
        responses=problems(401, 403, 409, 413, 422, 429, 503),
        operation_id="runSettlement",
        tags=["settlement"],
    )
    async def run(call: Caller) -> RunAnswer:
        """Pays now what the schedule pays every quarter of an hour; running it twice does no harm. Scope: operate."""
        principal = call.require("operate")
        done = await service.pay_due_loads(principal.key_id)
        return RunAnswer(paid=done.paid, blocked=done.blocked, waiting=done.waiting)

    @routes.get(
        "/v1/reconciliation",
        responses=problems(401, 403, 422, 429, 503),
        operation_id="reconcile",
        tags=["settlement"],
    )
    async def reconciliation(call: Caller) -> ReconciliationAnswer:
        """Trades, loads, ledger, trading limits and bank statements held against one another, in the caller's language.
        Scope: operate or audit."""
        require_overview(call)
        return _report(await service.reconcile(), call.language)

    return routes


def _report(report: Report, language: Language) -> ReconciliationAnswer:
    return ReconciliationAnswer(
        at=report.at,
        ok=report.ok,
        differences=report.differences,
        rules=[_rule(rule, report.at, language) for rule in report.rules],
    )


def _rule(rule: RuleResult, at: int, language: Language) -> RuleAnswer:
    return RuleAnswer(
        rule=rule.rule,
        title=rule.title.of(language),
        checked=rule.checked,
        differences=[_difference(difference, at, language) for difference in rule.differences],
        open_items=[_open_item(item, at, language) for item in rule.open_items],
    )


def _difference(difference: Difference, at: int, language: Language) -> DifferenceAnswer:
    return DifferenceAnswer(
        key=difference.key,
        left=_side(difference.left, language),
        right=_side(difference.right, language),
        age_s=difference.age_s(at),
        resolve=difference.resolve.of(language),
    )


def _side(side: Side, language: Language) -> SideAnswer:
    return SideAnswer(what=side.what.of(language), value=side.value.of(language))


def _open_item(item: OpenItem, at: int, language: Language) -> OpenItemAnswer:
    return OpenItemAnswer(
        key=item.key, what=item.what.of(language), value=item.value.of(language), age_s=item.age_s(at)
    )
