"""Brings a database to the schema of this version, and tells which one it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

FOLDER = Path(__file__).parent / "migrations"
VERSION_TABLE = "kernel_schema_version"
#: What the names of the house's tables begin with.
ROOMS = frozenset({"kernel", "participants", "exchange", "tracking", "settlement"})


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("version_path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this version knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def current(connection: Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def migrate(connection: Connection) -> None:
    """Runs what is missing, in one transaction. A database of a newer version is left alone: raises RuntimeError."""
    with connection.begin():
        found = current(connection)
        if found == head():
            return
        known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
        if found is not None and found not in known:
            raise RuntimeError(
                f"the database has the schema {found} of a newer version / 数据库结构 {found} 属于更新的版本"
            )
        command.upgrade(_config(connection), "head")


def differences(connection: Connection) -> list[str]:
    """What it takes to bring the database to the declared tables, e.g. ``add_table exchange_trades``."""
    options = {"version_table": VERSION_TABLE, "compare_type": True, "include_object": _is_ours}
    context = MigrationContext.configure(connection, opts=options)
    return [_named(difference) for difference in compare_metadata(context, SQLModel.metadata)]


def _named(difference: Any) -> str:
    """An operation and the names that it is about. Alembic gives the changes of one column as a list of operations."""
    operation = difference[0] if isinstance(difference, list) else difference
    names = (getattr(part, "name", part) for part in operation)
    return " ".join(name for name in names if isinstance(name, str))


def _is_ours(_item: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Whether a schema item belongs to the house: a database may hold other tables too."""
    return kind != "table" or (name or "").split("_")[0] in ROOMS
