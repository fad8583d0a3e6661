"""`h2market doctor` on a database that is as it should be, on one that is not, and on none; and what the command line
says to a newcomer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import text

from h2market.migrate import migrate
from kernel.store import Store
from seeds.identity import credit_code


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "h2market", *arguments],
        env={**os.environ, "H2MARKET_LANG": "en", **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )


def examine(url: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code and the checks by name. A process of its own: it has imported no more than the command does."""
    ran = run("doctor", "--json", "--database-url", url, **environment)
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


def test_the_disk_is_the_one_that_the_database_will_lie_on(tmp_path: Path) -> None:
    code, checks = examine(f"sqlite:///{tmp_path}/none/yet/h2market.db")
    assert (code, checks["Disk"]["state"]) == (0, "ok")


def test_verify_names_a_database_that_is_not_there_and_makes_none(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "h2market.db"
    for language, sentence in (("en", f"There is no database at {file}."), ("zh", f"{file} 处没有数据库。")):
        ran = run("verify", "--json", "--database-url", f"sqlite:///{file}", H2MARKET_LANG=language)
        assert (ran.returncode, json.loads(ran.stdout)["detail"]) == (2, sentence)
    assert not file.parent.exists()


def test_a_clock_that_is_no_time_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/h2market.db"
    for arguments, environment, name in (
        (("--simulated-clock", "noon"), {}, "--simulated-clock"),
        ((), {"H2MARKET_SIMULATED_CLOCK": "noon"}, "H2MARKET_SIMULATED_CLOCK"),
    ):
        ran = run("serve", *arguments, "--database-url", url, **environment)
        assert ran.returncode == 2
        assert f"{name} is a time with its offset" in ran.stderr


def test_a_secret_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    ran = run(
        "key", "create", "--uscc", credit_code(1), "--database-url", f"sqlite:///{tmp_path}/h2market.db", COLUMNS="60"
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"h2m_[A-Za-z0-9_-]{43}", ran.stdout.splitlines()[-1])
