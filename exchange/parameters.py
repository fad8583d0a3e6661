"""What the exchange's routes take in path, query and header."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Path, Query

from kernel.edge import TimeIn
from kernel.http import KEY_PATTERN, Call
from kernel.service import caller

ProductId = Annotated[str, Path(pattern=r"^[A-Z0-9-]{1,80}$", examples=["EXW-QINGXU-TUBE20-20260303A"])]
OrderId = Annotated[str, Path(pattern=r"^O[1-9][0-9]{0,17}$", examples=["O12"])]
TradeId = Annotated[str, Path(pattern=r"^T[1-9][0-9]{0,17}$", examples=["T13"])]
ParticipantId = Annotated[str, Path(pattern=r"^P[1-9][0-9]{0,17}$", examples=["P7"])]
OfProduct = Annotated[str | None, Query(max_length=80)]
Since = Annotated[TimeIn | None, Query(description="What changed at this time or later.")]
ClientOrderId = Annotated[
    str | None, Query(max_length=64, description="Finds the order that was sent under this id, whatever became of it.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", pattern=KEY_PATTERN, description="Sent twice, the request takes effect once."),
]
Caller = Annotated[Call, Depends(caller)]
