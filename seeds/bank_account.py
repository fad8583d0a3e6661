"""The market's account at the simulated bank: payments come in, ordered payments go out, statements are sent."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyiso20022.pain import pain_001_001_09 as pain
from xsdata.formats.dataclass.parsers import XmlParser

from settlement.model import BankStatementFile, Direction, StatementLine


class BankAccount:
    """One account. Each statement continues the one before it."""

    def __init__(self, account_number: str) -> None:
        self.account_number = account_number
        self._opening_fen = 0
        self._lines: list[StatementLine] = []
        self._booked = 0

    def pay_in(self, day: date, amount_fen: int, payer: str, account: str, remittance: str) -> None:
        """Somebody pays."""
        self._book(
            "credit", day, amount_fen, counterparty_name=payer, counterparty_account=account, remittance=remittance
        )

    def carry_out(self, day: date, order: bytes) -> int:
        """Pays what a pain.001 file orders; returns how many payments that were."""
        payments = payments_of(order)
        for payment in payments:
            self._book("debit", day, **payment)
        return len(payments)

    def statement(self, reference: str, from_day: date, to_day: date) -> BankStatementFile:
        """What was booked since the last statement."""
        lines, opening_fen = tuple(self._lines), self._opening_fen
        signed = (line.amount_fen if line.direction == "credit" else -line.amount_fen for line in lines)
        self._opening_fen += sum(signed)
        self._lines = []
        return BankStatementFile(
            self.account_number,
            reference,
            from_day.isoformat(),
            to_day.isoformat(),
            opening_fen,
            self._opening_fen,
            lines,
        )

    def _book(self, direction: Direction, day: date, amount_fen: int, **details: Any) -> None:
        self._booked += 1
        reference = f"ZF{day:%Y%m%d}{self._booked:05d}"
        line = StatementLine(direction, amount_fen, day.isoformat(), bank_reference=reference, **details)
        self._lines.append(line)


def payments_of(order: bytes) -> list[dict[str, Any]]:
    """The payments that a pain.001.001.09 file orders, as the fields of statement lines."""
    document = XmlParser().from_bytes(order, pain.Document)
    return [
        {
            "amount_fen": int(transfer.amt.instd_amt.value.scaleb(2)),
            "end_to_end_id": transfer.pmt_id.end_to_end_id,
            "counterparty_name": transfer.cdtr.nm,
            "counterparty_account": transfer.cdtr_acct.id.othr.id,
            "remittance": " ".join(transfer.rmt_inf.ustrd),
        }
        for batch in document.cstmr_cdt_trf_initn.pmt_inf
        for transfer in batch.cdt_trf_tx_inf
    ]
