"""Quality: a certificate's results held against the limits of a standard's edition.

The limits are data (`data/quality_limits.json`) with their source and the day from which they apply. The verdict is
decided when a certificate is attached and stands in the event, so later limits change no earlier verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.resources import files
from typing import NamedTuple

import msgspec

from kernel.clock import day_bounds_us
from kernel.messages import Event
from tracking import commands, errors, events
from tracking.model import CERTIFICATES, SHIPMENTS, QualityCertificate, Verdict
from tracking.turn import Turn, check_party, check_range, check_state, check_text

#: Pure hydrogen is 10^9 nmol/mol; nothing a laboratory states is larger.
RESULT_MAX = 10**9


class Limit(msgspec.Struct, frozen=True, gc=False):
    """The bound of one species, in the unit of the standard's table."""

    species: str
    unit: str
    minimum: int | None = None
    maximum: int | None = None

    def holds(self, value: int) -> bool:
        """Whether a result keeps the bound; the bound itself is inside."""
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


class Standard(msgspec.Struct, frozen=True, gc=False):
    """One edition of a standard."""

    standard: str
    edition: str
    title: str
    title_zh: str
    valid_from: str  # YYYY-MM-DD
    source: str
    note: str
    limits: tuple[Limit, ...]

    def valid_from_us(self) -> int:
        """The first microsecond of the day from which it applies."""
        return day_bounds_us(date.fromisoformat(self.valid_from))[0]


class Judgement(NamedTuple):
    """A verdict and the species behind it: over their limit (off_spec) or missing (incomplete)."""

    verdict: Verdict
    findings: tuple[str, ...]


def judge(standard: Standard, results: Mapping[str, int]) -> Judgement:
    """Holds results against limits. A result outside its limit outweighs one that is missing."""
    stated = [limit for limit in standard.limits if limit.species in results]
    outside = tuple(limit.species for limit in stated if not limit.holds(results[limit.species]))
    if outside:
        return Judgement("off_spec", outside)
    missing = tuple(limit.species for limit in standard.limits if limit.species not in results)
    return Judgement("incomplete", missing) if missing else Judgement("in_spec", ())


def attach_certificate(turn: Turn, command: commands.AttachCertificate) -> Iterator[Event]:
    shipment = turn.own_shipment(command.participant_id, command.shipment_id)
    check_party(shipment, command.participant_id, shipment.seller_id, "seller")
    check_state(shipment, "planned", "nominated", "loading", "loaded")
    if shipment.quality:
        raise errors.CertificateExists(field="shipment_id", shipment_id=shipment.id)
    check_text("laboratory", command.laboratory)
    standard = find_standard(command.standard, command.edition)
    check_range("sampled_at", command.sampled_at, 0, turn.at)
    if command.sampled_at < standard.valid_from_us():
        raise errors.StandardNotInForce(
            field="sampled_at", standard=standard.standard, edition=standard.edition, valid_from=standard.valid_from
        )
    results = _results(standard, command.results)
    judgement = judge(standard, results)
    yield events.CertificateAttached(
        shipment_id=shipment.id, participant_id=command.participant_id, laboratory=command.laboratory,
        sampled_at=command.sampled_at, standard=standard.standard, edition=standard.edition,
        results=json.dumps(list(results.items()), separators=(",", ":")), verdict=judgement.verdict,
        findings=judgement.findings,
    )  # fmt: skip


def find_standard(name: str, edition: str) -> Standard:
    """The limits of an edition. Raises StandardUnknown."""
    found = STANDARDS.get((name, edition))
    if found is None:
        known = ", ".join(f"{each.standard}-{each.edition}" for each in STANDARDS.values())
        raise errors.StandardUnknown(field="standard", standard=name, edition=edition, known=known)
    return found


def _results(standard: Standard, given: Sequence[commands.QualityResult]) -> dict[str, int]:
    species = {limit.species for limit in standard.limits}
    results: dict[str, int] = {}
    for index, result in enumerate(given):
        if result.species not in species or result.species in results:
            raise errors.SpeciesUnfit(
                field=f"results.{index}.species", species=result.species, standard=standard.standard,
                edition=standard.edition,
            )  # fmt: skip
        check_range(f"results.{index}.value", result.value, 0, RESULT_MAX)
        results[result.species] = result.value
    return results


# --- effects


def certificate_attached(turn: Turn, event: events.CertificateAttached) -> None:
    certificate = QualityCertificate(
        id=event.shipment_id, shipment_id=event.shipment_id, participant_id=event.participant_id,
        laboratory=event.laboratory, sampled_at=event.sampled_at, standard=event.standard, edition=event.edition,
        results=event.results, verdict=event.verdict, findings=" ".join(event.findings), attached_at=turn.at,
        event_seq=turn.seq,
    )  # fmt: skip
    turn.put(CERTIFICATES, certificate, certificate.id)
    shipment = turn.shipment(event.shipment_id)
    shipment.quality = event.verdict
    turn.put(SHIPMENTS, shipment, shipment.id)


def load_standards() -> Mapping[tuple[str, str], Standard]:
    """The editions of the data file, by name and edition."""
    text = files("tracking").joinpath("data/quality_limits.json").read_bytes()
    standards = msgspec.json.decode(text, type=tuple[Standard, ...])
    return {(each.standard, each.edition): each for each in standards}


STANDARDS = load_standards()
