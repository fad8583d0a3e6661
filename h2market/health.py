"""`h2market doctor`: what the platform stands on, and what is wrong with it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

import h2market.platform  # noqa: F401 - declares every room's tables, which the schema is compared with
from h2market.migrate import current, differences, head
from h2market.verification import sqlite_file
from kernel.config import Settings
from kernel.store import Store

#: The first SQLite without the fault that lets two writing connections corrupt a database in WAL mode.
SQLITE_SOUND = (3, 51, 3)
DISK_BYTES_MIN = 1 << 30

Text = tuple[str, str]

_UNSOUND: Text = (
    (
        "before 3.51.3 two connections that write or checkpoint at once can corrupt a WAL database. The platform's "
        "own never write at the same moment; let no other program write to its file."
    ),
    (
        "3.51.3 之前，两个连接同时写入或检查点可能损坏 WAL 数据库。"
        "本平台自身的连接绝不同时写入；请勿让其他程序写入该文件。"
    ),
)


class Check(NamedTuple):
    """One thing looked at; texts are (English, Chinese)."""

    name: Text
    state: Literal["ok", "note", "bad"]
    detail: Text


def examine(settings: Settings) -> list[Check]:
    """Looks at everything once."""
    return [_python(), _sqlite(), *_database(settings), _disk(settings), _service_key(settings)]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    fit = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Check(
        ("Python", "Python"),
        "ok" if fit else "bad",
        (f"{version} (3.11 to 3.13 are supported)", f"{version}（支持 3.11 至 3.13）"),
    )


def _sqlite() -> Check:
    if sqlite3.sqlite_version_info >= SQLITE_SOUND:
        return Check(("SQLite", "SQLite"), "ok", (sqlite3.sqlite_version, sqlite3.sqlite_version))
    return Check(
        ("SQLite", "SQLite"),
        "note",
        (
            f"{sqlite3.sqlite_version}: {_UNSOUND[0]}",
            f"{sqlite3.sqlite_version}：{_UNSOUND[1]}",
        ),
    )


def _database(settings: Settings) -> Iterator[Check]:
    name = ("Database", "数据库")
    store = Store(settings.database_url, settings.schema)
    try:
        if store.is_sqlite and not Path(str(store.url.database)).exists():
            yield Check(
                name,
                "note",
                (
                    f"{store.place} does not exist yet; the server creates it",
                    f"{store.place} 尚不存在；服务启动时会创建",
                ),
            )
            return
        with store.read_engine.connect() as connection:
            found = current(connection)
            wrong = differences(connection) if found == head() else []
        yield Check(name, "ok", (store.place, store.place))
        if found != head():
            yield Check(
                ("Schema", "数据库结构"),
                "note",
                (
                    f"{found or 'empty'}; the server brings it to {head()}",
                    f"{found or '空'}；服务启动时升级到 {head()}",
                ),
            )
        else:
            state: Literal["ok", "bad"] = "bad" if wrong else "ok"
            yield Check(
                ("Schema", "数据库结构"),
                state,
                (f"{found} {'; '.join(wrong)}".strip(), f"{found} {'；'.join(wrong)}".strip()),
            )
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        yield Check(name, "bad", (f"{store.place} cannot be read: {reason}", f"无法读取 {store.place}：{reason}"))
    finally:
        store.close()


def _disk(settings: Settings) -> Check:
    """Room where the database lies; of a server elsewhere nothing can be said, so where this process runs."""
    file = sqlite_file(settings.database_url)
    folder = Path.cwd() if file is None else file.resolve().parent
    free = shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free
    shown = f"{free / (1 << 30):.1f} GiB"
    return Check(("Disk", "磁盘"), "ok" if free >= DISK_BYTES_MIN else "bad", (f"{shown} free", f"可用 {shown}"))


def _service_key(settings: Settings) -> Check:
    alone = any((settings.exchange_url, settings.tracking_url, settings.settlement_url))
    if alone and len(settings.service_key) < 32:
        return Check(
            ("Service key", "服务密钥"),
            "bad",
            ("H2MARKET_SERVICE_KEY needs at least 32 characters", "H2MARKET_SERVICE_KEY 至少需要 32 个字符"),
        )
    detail = ("set", "已设置") if settings.service_key else ("not needed in one process", "单进程运行时无需设置")
    return Check(("Service key", "服务密钥"), "ok", detail)
