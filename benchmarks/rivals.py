"""What the order route is measured against, each a server of its own.

noop    FastAPI, a pydantic body, does nothing
naive   FastAPI, one SQLModel insert and commit a request: what one would write first
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sqlmodel import Field as Column
from sqlmodel import Session, SQLModel, create_engine


class NewOrder(BaseModel):
    """The same body as the platform's order."""

    client_order_id: str = Field(max_length=64)
    product_id: str
    side: str
    price: str
    loads: int = Field(ge=1)
    time_in_force: str = "gtc"


class StoredOrder(SQLModel, table=True):
    """An order in the naive server's table."""

    id: int | None = Column(default=None, primary_key=True)
    client_order_id: str
    product_id: str
    side: str
    price: str
    loads: int
    time_in_force: str


def noop() -> FastAPI:
    """Validates a body and answers."""
    app = FastAPI()

    @app.post("/v1/orders", status_code=201)
    async def place(order: NewOrder) -> dict[str, str]:
        return {"client_order_id": order.client_order_id}

    return app


def naive(database: str) -> FastAPI:
    """Inserts and commits each order on its own."""
    app = FastAPI()
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    SQLModel.metadata.create_all(engine, tables=[StoredOrder.__table__])  # type: ignore[attr-defined]

    @app.post("/v1/orders", status_code=201)
    def place(order: NewOrder) -> dict[str, int | None]:
        with Session(engine) as session:
            row = StoredOrder(**order.model_dump())
            session.add(row)
            session.commit()
            session.refresh(row)
            return {"id": row.id}

    return app


if __name__ == "__main__":
    kind, port, *rest = sys.argv[1:]
    uvicorn.run(
        noop() if kind == "noop" else naive(rest[0]),
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        access_log=False,
    )
