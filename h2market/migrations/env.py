"""Alembic's entry: the connection and its transaction come from `h2market.migrate`."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from h2market.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,
)
context.run_migrations()
