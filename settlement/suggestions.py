"""Who an unmatched payment may be from: ranked guesses for the operator, who decides. Nothing is booked by a guess."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from settlement.model import BankEntry, Party
from settlement.references import normalise

#: Of 100. Below it two company names that share only their town and "氢能有限公司" look alike.
SCORE_MIN = 75
SUGGESTIONS_MAX = 5


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A guess: ``score`` of 100, and what it was drawn from: ``reference``, ``name`` or ``payout_account``."""

    participant_id: str
    score: int
    basis: str


def suggest(entry: BankEntry, parties: Iterable[Party]) -> list[Suggestion]:
    """The likeliest owners of an entry, best first; ties by participant id."""
    guesses = [guess for party in parties for guess in (_guess(entry, party),) if guess.score >= SCORE_MIN]
    guesses.sort(key=lambda guess: (-guess.score, len(guess.participant_id), guess.participant_id))
    return guesses[:SUGGESTIONS_MAX]


def _guess(entry: BankEntry, party: Party) -> Suggestion:
    if entry.counterparty_account and entry.counterparty_account == party.payout_account:
        return Suggestion(party.id, 100, "payout_account")
    text = _letters(f"{entry.remittance} {entry.end_to_end_id}")
    reference = _letters(party.reference)
    # A text shorter than the reference is compared whole: part of a reference fits everybody's.
    by_reference = round((fuzz.partial_ratio if len(text) >= len(reference) else fuzz.ratio)(reference, text))
    payer = _letters(entry.counterparty_name)
    by_name = max((round(fuzz.ratio(_letters(name), payer)) for name in (party.name, party.name_zh) if name), default=0)
    return max(
        Suggestion(party.id, by_reference, "reference"),
        Suggestion(party.id, by_name, "name"),
        key=lambda guess: guess.score,
    )


def _letters(text: str) -> str:
    return "".join(character for character in normalise(text) if character.isalnum())
