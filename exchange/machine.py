"""The exchange as one pure state machine over its log.

    apply    command --HANDLERS--> events, whose effect is taken
    evolve   event   --EFFECTS-->  state, changes

A handler asks every rule before it changes anything, so a refusal cannot leave half a command behind. What an event
does is written once, in `exchange.effects`, for handlers and for `evolve` alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange import amendments, baskets, groups, invariants, market, orders, phases, recalls, snapshot
from exchange import commands as c
from exchange.effects import EFFECTS
from exchange.events import MarketOpened, MarketResumed, OrderCancelled, SelfTradeModeSet
from exchange.state import ExchangeState
from kernel.machine import Changes
from kernel.messages import Command, Event

Handler = Callable[[ExchangeState, Any, int, int], list[Event]]


#: After these, orders that wait may find what they wait for.
WAKING = (OrderCancelled, MarketOpened, MarketResumed, SelfTradeModeSet)


def _decided(decide: Callable[..., list[Event]], timed: bool = False) -> Handler:
    """Decides a command as a whole, then takes the effect of its events."""

    def handle(state: ExchangeState, command: Command, at: int, seq: int) -> list[Event]:
        events = decide(state, command, at) if timed else decide(state, command)
        for position, event in enumerate(events, seq):
            EFFECTS[type(event)](state, event, at, position)
        if any(isinstance(event, WAKING) for event in events):
            orders.settle_all(state, at, seq, events)
        return events

    return handle


HANDLERS: dict[type[Command], Handler] = {
    c.ListProduct: _decided(market.list_product),
    c.ChangePhase: phases.change_phase,
    c.SetReferencePrice: _decided(market.set_reference_price),
    c.CloseProduct: _decided(market.close_product),
    c.OpenMarket: _decided(market.open_market),
    c.CloseMarket: _decided(market.close_market),
    c.HaltMarket: _decided(market.halt_market),
    c.ResumeMarket: _decided(market.resume_market),
    c.RingAlarms: phases.ring_alarms,
    c.RequestQuote: _decided(market.request_quote, timed=True),
    c.AdmitTrader: _decided(market.admit_trader),
    c.SuspendTrader: _decided(market.suspend_trader),
    c.ReinstateTrader: _decided(market.reinstate_trader),
    c.KillTrader: _decided(market.kill_trader),
    c.ReleaseTrader: _decided(market.release_trader),
    c.SetSelfTradeMode: _decided(market.set_self_trade_mode),
    c.SetOrderRates: _decided(market.set_order_rates),
    c.SetDeadMan: _decided(market.set_dead_man, timed=True),
    c.SetCapacity: _decided(market.set_capacity, timed=True),
    c.GrantMoney: _decided(market.grant_money),
    c.ReduceMoney: _decided(market.reduce_money),
    c.ReleaseCommitment: _decided(market.release_commitment),
    c.PlaceOrder: orders.place_order,
    c.PlaceBasket: baskets.place_basket,
    c.PlaceGroup: groups.place_group,
    c.CancelOrder: orders.cancel_order,
    c.CancelOrders: orders.cancel_orders,
    c.AmendOrder: amendments.amend_order,
    c.HibernateOrder: amendments.hibernate_order,
    c.ActivateOrder: amendments.activate_order,
    c.RequestRecall: recalls.request_recall,
    c.ApproveRecall: _decided(recalls.approve_recall, timed=True),
    c.ConfirmRecall: _decided(recalls.confirm_recall, timed=True),
    c.RejectRecall: _decided(recalls.reject_recall, timed=True),
    c.WithdrawRecall: _decided(recalls.withdraw_recall, timed=True),
    c.ConcludeRecall: _decided(recalls.conclude_recall),
}


class ExchangeMachine:
    """The whole exchange in memory. Ids come from ``seq``, times from ``at`` (UTC microseconds)."""

    def __init__(self) -> None:
        self.state = ExchangeState()
        self.changes: Changes = self.state.changes

    def apply(self, command: Command, at: int, seq: int) -> list[Event]:
        """Decides a command and takes its effect. Raises NotFound, Conflict or Refusal, and then changed nothing."""
        return HANDLERS[type(command)](self.state, command, at, seq)

    def evolve(self, event: Event, at: int, seq: int) -> None:
        """Takes the effect of an event from the log."""
        EFFECTS[type(event)](self.state, event, at, seq)

    def dump(self) -> bytes:
        """The state as a snapshot; equal states give equal bytes."""
        return snapshot.dump(self.state)

    def restore(self, data: bytes) -> None:
        """Takes the state of a snapshot instead of its own. Raises msgspec.DecodeError and then keeps its own."""
        self.state = snapshot.load(data)
        self.changes = self.state.changes

    def digest(self) -> str:
        """The SHA-256 of the state, in hex."""
        return snapshot.digest(self.state)

    def check(self) -> None:
        """Asserts the invariants of the whole state; takes time in proportion to it."""
        invariants.check(self.state)
