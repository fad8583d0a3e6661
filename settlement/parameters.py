"""What settlement's routes take in path, query and header, and the patterns of its texts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Query

from kernel.auth import Principal
from kernel.edge import CURSOR_SCHEMA, DAY_PATTERN, PAGE_MAX
from kernel.errors import Forbidden, Unauthenticated
from kernel.http import KEY_PATTERN, Call
from kernel.service import caller
from kernel.text import UNSEEN

ACCOUNT_PATTERN = r"^(bank:main|suspense|market|cash:P[1-9][0-9]{0,17}|book:[A-Za-z0-9-]{1,48})$"
PARTICIPANT_PATTERN = r"^P[1-9][0-9]{0,17}$"
WITHDRAWAL_PATTERN = r"^W[1-9][0-9]{0,17}$"
TRANSFER_PATTERN = r"^[!-~]{1,64}$"
TEXT_PATTERN = r"^[^\x00-\x1f\x7f]{0,140}$"
#: As the payment file takes it: no blank at either end, nothing that XML cannot hold.
HOLDER_PATTERN = rf"^[^\s{UNSEEN}]([^{UNSEEN}]{{0,138}}[^\s{UNSEEN}])?$"
TRANSFERS_PER_REQUEST_MAX = 100

Caller = Annotated[Call, Depends(caller)]
Cursor = Annotated[str | None, Query(max_length=200, json_schema_extra=CURSOR_SCHEMA)]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]
Day = Annotated[str, Query(pattern=DAY_PATTERN, examples=["2026-01-05"], description="A day in Asia/Shanghai.")]
AccountId = Annotated[str, Path(pattern=ACCOUNT_PATTERN, examples=["cash:P7"])]
EntryId = Annotated[str, Path(pattern=r"^B[0-9a-f]{16}-[1-9][0-9]{0,5}$", examples=["B0123456789abcdef-1"])]
WithdrawalId = Annotated[str, Path(pattern=WITHDRAWAL_PATTERN, examples=["W9"])]
PaymentFileId = Annotated[str, Path(pattern=r"^PB[1-9][0-9]{0,17}$", examples=["PB12"])]
OfParticipant = Annotated[
    str | None,
    Query(pattern=PARTICIPANT_PATTERN, description="Another participant's, for the operator and auditors only."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]


def require_overview(call: Call) -> Principal:
    """The caller, if it is the operator or an auditor."""
    if call.principal is None:
        raise Unauthenticated(field="Authorization")
    if not call.principal.sees_all:
        raise Forbidden(field="Authorization", rule="scope", scope="audit")
    return call.principal
