"""Following: what an event of the exchange or of the register asks of tracking."""

from __future__ import annotations

from exchange import events as exchange_events
from kernel.messages import Command, Recorded
from participants import events as participants_events
from tracking import commands


def follow_exchange(recorded: Recorded) -> list[Command]:
    """A listed product is mirrored, a trade is planned, and the loads of one that two people called back are ended;
    nothing else of the exchange moves a load."""
    event = recorded.event
    if isinstance(event, exchange_events.ProductListed):
        return [
            commands.RegisterProduct(
                product_id=event.product_id,
                kind=event.kind,
                hub=event.hub,
                destination_hub=event.destination_hub,
                container_class=event.container_class,
                grade=event.grade,
                nominal_mass_g=event.nominal_mass_g,
                maximum_mass_g=event.maximum_mass_g,
                window_start=event.window_start,
                window_end=event.window_end,
            )
        ]
    if isinstance(event, exchange_events.Traded):
        return [
            commands.PlanTrade(
                trade_id=event.trade_id,
                product_id=event.product_id,
                loads=event.loads,
                buyer_id=event.buyer_id,
                seller_id=event.seller_id,
            )
        ]
    if isinstance(event, exchange_events.TradeRecallConfirmed):
        return [
            commands.RecallTrades(
                recall_id=event.recall_id,
                trades=tuple(
                    commands.RecalledLoads(trade.trade_id, trade.loads, trade.buyer_id, trade.seller_id)
                    for trade in event.trades
                ),
            )
        ]
    return []


def follow_participants(recorded: Recorded) -> list[Command]:
    """A facility of the register is mirrored."""
    event = recorded.event
    if isinstance(event, participants_events.FacilityAdded):
        return [
            commands.RegisterFacility(
                facility_id=event.facility_id,
                participant_id=event.participant_id,
                kind=event.kind,
                name=event.name,
                name_zh=event.name_zh,
                hub=event.hub,
                latitude_e7=event.latitude_e7,
                longitude_e7=event.longitude_e7,
            )
        ]
    return []
