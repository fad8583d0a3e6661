"""`h2market doctor` on a database that is as it should be, on one that is not, and on none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import text

from h2market.migrate import migrate
from kernel.store import Store


def examine(url: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code and the checks by name. A process of its own: it has imported no more than the command does."""
    ran = subprocess.run(
        [sys.executable, "-m", "h2market", "doctor", "--json", "--database-url", url],
        env={**os.environ, "H2MARKET_LANG": "en", **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    checks = json.loads(ran.stdout.splitlines()[-1])["checks"]
    return ran.returncode, {one["check"]: one for one in checks}


def make(url: str, *statements: str) -> None:
    """A database of this version, changed by hand."""
    store = Store(url)
    with store.connect_writer() as connection:
        migrate(connection)
        with connection.begin():
            for statement in statements:
                connection.execute(text(statement))
    store.close()


def test_a_database_of_this_version_is_well(database_url: str) -> None:
    make(database_url)
    code, checks = examine(database_url)
    assert checks["Schema"]["state"] == "ok", checks["Schema"]["detail"]
    assert code == 0


def test_what_is_missing_is_named(sqlite_url: str) -> None:
    make(sqlite_url, "DROP TABLE exchange_trades", "ALTER TABLE exchange_money DROP COLUMN committed_fen")
    code, checks = examine(sqlite_url)
    assert checks["Schema"]["state"] == "bad"
    assert "add_table exchange_trades" in checks["Schema"]["detail"]
    assert "add_column exchange_money committed_fen" in checks["Schema"]["detail"]
    assert code == 1


def test_a_database_that_is_not_there_yet_is_a_note(tmp_path: Path) -> None:
    code, checks = examine(f"sqlite:///{tmp_path / 'none.db'}")
    assert checks["Database"]["state"] == "note"
    assert "Schema" not in checks
    assert code == 0


def test_services_apart_need_a_long_service_key(tmp_path: Path) -> None:
    code, checks = examine(
        f"sqlite:///{tmp_path / 'none.db'}", H2MARKET_EXCHANGE_URL="http://exchange", H2MARKET_SERVICE_KEY="short"
    )
    assert checks["Service key"]["state"] == "bad"
    assert code == 1
