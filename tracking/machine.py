"""The state machine of tracking: commands are decided and events take effect by the module of their subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kernel.errors import H2MarketError
from kernel.machine import Changes, View
from kernel.messages import Command, Event
from tracking import (
    cancelling,
    commands,
    custody,
    delivery,
    events,
    metering,
    nomination,
    planning,
    positions,
    quality,
    recalling,
    transport,
)
from tracking.model import TIMELINE, TimelineEntry
from tracking.turn import Turn

Decider = Callable[[Turn, Any], Iterator[Event]]
Effect = Callable[[Turn, Any], None]

DECIDERS: Mapping[type[Command], Decider] = {
    commands.RegisterProduct: planning.register_product,
    commands.RegisterFacility: planning.register_facility,
    commands.PlanTrade: planning.plan_trade,
    commands.RecallTrades: recalling.recall_trades,
    commands.RegisterVehicle: transport.register_vehicle,
    commands.RegisterVessel: transport.register_vessel,
    commands.RegisterMeter: transport.register_meter,
    commands.Nominate: nomination.nominate,
    commands.NominateTransport: nomination.nominate_transport,
    commands.RecordReading: metering.record_reading,
    commands.SignHandOver: custody.sign_hand_over,
    commands.AttachCertificate: quality.attach_certificate,
    commands.Depart: transport.depart,
    commands.Arrive: transport.arrive,
    commands.AcceptLoad: delivery.accept_load,
    commands.RejectLoad: delivery.reject_load,
    commands.VentVessel: transport.vent_vessel,
    commands.ReportPositions: positions.report_positions,
    commands.SettleHandOver: custody.settle_hand_over,
    commands.CancelShipment: cancelling.cancel_shipment,
    commands.LapseShipments: planning.lapse_shipments,
    commands.AcceptOverdue: delivery.accept_overdue,
}

EFFECTS: Mapping[type[Event], Effect] = {
    events.ProductRegistered: planning.product_registered,
    events.FacilityRegistered: planning.facility_registered,
    events.VehicleRegistered: transport.vehicle_registered,
    events.VesselRegistered: transport.vessel_registered,
    events.MeterRegistered: transport.meter_registered,
    events.ShipmentPlanned: planning.shipment_planned,
    events.HaulagePlanned: planning.haulage_planned,
    events.HaulageAssigned: planning.haulage_assigned,
    events.MassNominated: nomination.mass_nominated,
    events.NominationConfirmed: nomination.nomination_confirmed,
    events.TransportNominated: nomination.transport_nominated,
    events.ReadingRecorded: metering.reading_recorded,
    events.HandOverProposed: custody.hand_over_proposed,
    events.HandOverDisputed: custody.hand_over_disputed,
    events.HandOverSettled: custody.hand_over_settled,
    events.HandOverSigned: custody.hand_over_signed,
    events.CustodyPassed: custody.custody_passed,
    events.CertificateAttached: quality.certificate_attached,
    events.ShipmentDeparted: transport.shipment_departed,
    events.ShipmentArrived: transport.shipment_arrived,
    events.LoadAccepted: delivery.load_accepted,
    events.LoadRejected: delivery.load_rejected,
    events.ShipmentLapsed: planning.shipment_lapsed,
    events.ShipmentCancelled: cancelling.shipment_cancelled,
    events.HaulageLapsed: planning.haulage_lapsed,
    events.HaulageReleased: recalling.haulage_released,
    events.HaulageCancelled: recalling.haulage_cancelled,
    events.RecallAnswered: recalling.recall_answered,
    events.GasVented: transport.gas_vented,
    events.PositionsReported: positions.positions_reported,
}


class TrackingMachine:
    """Decides over a view of what the commands touch."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.changes: Changes = view.changes

    def apply(self, command: Command, at: int, seq: int) -> list[Event]:
        """Decides a command and takes its events into effect. Raises an H2MarketError and then has changed nothing."""
        turn = Turn(self.view, at, seq)
        decided: list[Event] = []
        try:
            for event in DECIDERS[type(command)](turn, command):
                self.evolve(event, at, seq + len(decided))
                decided.append(event)
                turn.seq = seq + len(decided)
        except H2MarketError:
            assert not decided, f"{type(command).__name__} was refused after {type(decided[-1]).__name__}"
            raise
        return decided

    def evolve(self, event: Event, at: int, seq: int) -> None:
        """Takes one event into effect."""
        turn = Turn(self.view, at, seq)
        EFFECTS[type(event)](turn, event)
        shipment_id = getattr(event, "shipment_id", "")
        if shipment_id:
            entry = TimelineEntry(
                id=f"{shipment_id}@{seq}", shipment_id=shipment_id, at=at, kind=type(event).__name__,
                participant_id=getattr(event, "participant_id", ""), event_seq=seq,
            )  # fmt: skip
            turn.put(TIMELINE, entry, entry.id)
