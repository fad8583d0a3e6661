"""Tables of every column type that rooms use, for testing the store."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, LargeBinary, Text
from sqlmodel import Field, SQLModel


class SampleRow(SQLModel, table=True):
    __tablename__ = "testing_samples"

    id: str = Field(primary_key=True, sa_type=Text)
    number: int = Field(sa_type=BigInteger)
    amount: int = Field(sa_type=BigInteger)
    flag: bool = Field(sa_type=Boolean)
    note: str | None = Field(sa_type=Text, nullable=True)
    data: bytes = Field(sa_type=LargeBinary)


class PairRow(SQLModel, table=True):
    __tablename__ = "testing_pairs"

    left: str = Field(primary_key=True, sa_type=Text)
    right: int = Field(primary_key=True, sa_type=BigInteger)
    value: int = Field(sa_type=BigInteger)
