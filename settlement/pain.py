"""Withdrawals as an ISO 20022 pain.001.001.09 file: one payment order to the bank, one credit transfer a withdrawal.

EndToEndId is the withdrawal's id: the bank's statement brings it back. The file is a function of the batch alone, so it
can be made again, byte for byte, and a bank that checks MsgId takes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pyiso20022.pain import pain_001_001_09 as pain
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from kernel.clock import market_day, to_datetime
from settlement.model import BankBook, PaymentBatch, Withdrawal

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

#: The clearing system of Chinese bank codes (CNAPS), as in the external code list.
CLEARING_SYSTEM = "CNAPS"


def write_pain001(book: BankBook, batch: PaymentBatch, withdrawals: Sequence[Withdrawal]) -> bytes:
    """The file of a batch; ``withdrawals`` are all of its withdrawals, in any order."""
    ordered = sorted(withdrawals, key=lambda withdrawal: int(withdrawal.id[1:]))
    assert len(ordered) == batch.withdrawals and sum(w.amount_fen for w in ordered) == batch.amount_fen
    owner = pain.PartyIdentification135(nm=book.holder)
    total, count = _amount(batch.amount_fen), str(len(ordered))
    header = pain.GroupHeader85(
        msg_id=batch.id, cre_dt_tm=_moment(batch.created_at), nb_of_txs=count, ctrl_sum=total, initg_pty=owner
    )
    day = market_day(batch.created_at)
    order = pain.PaymentInstruction30(
        pmt_inf_id=batch.id,
        pmt_mtd=pain.PaymentMethod3Code.TRF,
        btch_bookg=False,
        nb_of_txs=count,
        ctrl_sum=total,
        reqd_exctn_dt=pain.DateAndDateTime2Choice(dt=XmlDate(day.year, day.month, day.day)),
        dbtr=owner,
        dbtr_acct=_account(book.account_number),
        dbtr_agt=_bank(book.bank_code),
        cdt_trf_tx_inf=[_transfer(withdrawal) for withdrawal in ordered],
    )
    document = pain.Document(
        cstmr_cdt_trf_initn=pain.CustomerCreditTransferInitiationV09(grp_hdr=header, pmt_inf=[order])
    )
    serializer = XmlSerializer(config=SerializerConfig(indent="  ", xml_declaration=True, encoding="UTF-8"))
    return serializer.render(document, ns_map={None: NAMESPACE}).encode()


def _transfer(withdrawal: Withdrawal) -> Any:
    return pain.CreditTransferTransaction34(
        pmt_id=pain.PaymentIdentification6(instr_id=withdrawal.id, end_to_end_id=withdrawal.id),
        amt=pain.AmountType4Choice(
            instd_amt=pain.ActiveOrHistoricCurrencyAndAmount(value=_amount(withdrawal.amount_fen), ccy="CNY")
        ),
        cdtr_agt=_bank(withdrawal.payee_bank_code),
        cdtr=pain.PartyIdentification135(nm=withdrawal.payee_holder),
        cdtr_acct=_account(withdrawal.payee_account),
        rmt_inf=pain.RemittanceInformation16(ustrd=[f"H2M {withdrawal.id}"]),
    )


def _account(number: str) -> Any:
    return pain.CashAccount38(
        id=pain.AccountIdentification4Choice(othr=pain.GenericAccountIdentification1(id=number)), ccy="CNY"
    )


def _bank(code: str) -> Any:
    member = pain.ClearingSystemMemberIdentification2(
        clr_sys_id=pain.ClearingSystemIdentification2Choice(cd=CLEARING_SYSTEM), mmb_id=code
    )
    return pain.BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=pain.FinancialInstitutionIdentification18(clr_sys_mmb_id=member)
    )


def _amount(amount_fen: int) -> Decimal:
    return Decimal(amount_fen).scaleb(-2)


def _moment(at: int) -> XmlDateTime:
    return XmlDateTime.from_datetime(to_datetime(at))
