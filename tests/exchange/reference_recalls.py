"""The reference's recalls: a list of requests that is searched; what was undone is left out of every sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exchange import commands as c
from exchange import events as e
from exchange.model import TradeFacts
from tests.exchange.reference_books import SECOND, Books

HALF_AN_HOUR, AN_HOUR = 1_800 * SECOND, 3_600 * SECOND


class Refused(Exception):
    """The code of an error."""


@dataclass
class Asked:
    """One request."""

    number: int
    trades: tuple[TradeFacts, ...]
    until: int
    who: str
    state: str = "requested"
    first: str = ""


class Recalls(Books):
    """What becomes of the commands of recalls."""

    def asked(self) -> list[Asked]:
        """Every request so far."""
        found: list[Asked] = self.__dict__.setdefault("all_asked", [])
        return found

    def live(self, trade_id: int) -> Asked:
        """The request about a trade that waits for a decision."""
        live = [one for one in self.asked() if one.state in ("requested", "approved", "recalling")]
        found = [one for one in live if trade_id in [t.trade_id for t in one.trades]]
        if not found:
            raise Refused("recall_not_open")
        return found[0]

    def waits(self, trade_id: int, *states: str) -> Asked:
        one = self.live(trade_id)
        if one.state not in states:
            raise Refused("recall_unsuitable")
        if one.until <= self.at:
            raise Refused("recall_not_open")
        return one

    def no_party(self, one: Asked, who: str) -> None:
        if any(who in (t.buyer_id, t.seller_id) for t in one.trades):
            raise Refused("recall_by_party")

    def RequestRecall(self, o: c.RequestRecall) -> None:  # noqa: N802
        if not o.by_operator and not any(o.participant_id in (t.buyer_id, t.seller_id) for t in o.trades):
            raise Refused("trade_not_found")
        standing = ("requested", "approved", "recalling", "recalled")
        contested = [t for one in self.asked() if one.state in standing for t in one.trades]
        if any(trade in contested for trade in o.trades):
            raise Refused("trade_contested")
        if self.at > o.trades[0].traded_at + HALF_AN_HOUR:
            raise Refused("recall_window_over")
        self.asked().append(Asked(self.seq, o.trades, self.at + AN_HOUR, o.participant_id))
        self.events.append(
            e.TradeRecallRequested(self.seq, o.trades, o.participant_id, o.key_id, o.reason, self.at + AN_HOUR)
        )

    def ApproveRecall(self, o: c.ApproveRecall) -> None:  # noqa: N802
        one = self.waits(o.trade_id, "requested")
        self.no_party(one, o.participant_id)
        one.state, one.first = "approved", o.key_id
        self.events.append(e.TradeRecallApproved(one.number, o.key_id, one.trades))

    def ConfirmRecall(self, o: c.ConfirmRecall) -> None:  # noqa: N802
        one = self.waits(o.trade_id, "approved")
        self.no_party(one, o.participant_id)
        if one.first == o.key_id:
            raise Refused("recall_needs_other_eyes")
        one.state = "recalling"
        self.events.append(e.TradeRecallConfirmed(one.number, o.key_id, one.trades))

    def RejectRecall(self, o: c.RejectRecall) -> None:  # noqa: N802
        one = self.waits(o.trade_id, "requested", "approved")
        one.state = "rejected"
        self.events.append(e.TradeRecallRejected(one.number, o.key_id, o.reason, one.trades))

    def WithdrawRecall(self, o: c.WithdrawRecall) -> None:  # noqa: N802
        one = self.live(o.trade_id)
        if o.participant_id != one.who:
            concerned = o.by_operator or any(o.participant_id in (t.buyer_id, t.seller_id) for t in one.trades)
            raise Refused("recall_of_another" if concerned else "recall_not_open")
        one = self.waits(o.trade_id, "requested", "approved")
        one.state = "withdrawn"
        self.events.append(e.TradeRecallWithdrawn(one.number, o.key_id, one.trades))

    def ConcludeRecall(self, o: c.ConcludeRecall) -> None:  # noqa: N802
        for one in self.asked():
            if one.number == o.recall_id and one.state == "recalling":
                one.state = "recalled" if o.done else "refused"
                told: Any = e.TradeRecalled(one.number, one.trades)
                if not o.done:
                    told = e.TradeRecallRefused(one.number, o.reason, one.trades)
                self.events.append(told)
                for trade in one.trades if o.done else ():
                    self.recalled.add(trade.trade_id)
                    made = [t for t in self.trades if t.product_id == trade.product_id and t.taker_order_id]
                    if made and made[-1].trade_id == trade.trade_id > self.auctions.get(trade.product_id, 0):
                        self.last[trade.product_id] = 0

    def expire_recalls(self) -> None:
        for one in self.asked():
            if one.state in ("requested", "approved") and one.until <= self.at:
                one.state = "expired"
                self.events.append(e.TradeRecallExpired(one.number, one.trades))
