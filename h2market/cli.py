"""The command line of the platform."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import SQLAlchemyError

from h2market import __version__
from h2market.console_text import Voice
from kernel.config import SERVICES, Settings, a_time
from kernel.errors import H2MarketError
from kernel.room import Finding
from kernel.store import Store, WriterTaken

#: What was begun at a SIGTERM has this long to end: a caller who never takes its answer does not keep a server alive.
GRACE_S = 20

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The hydrogen trading platform. / 氢能交易平台。",
)
keys = typer.Typer(no_args_is_help=True, help="API keys. / API 密钥。")
app.add_typer(keys, name="key")

#: What a supervisor sees where the server could not start.
SERVER_NOT_STARTED = 3

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line. / 最后一行输出一个 JSON 对象。")
]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help="SQLite file or PostgreSQL URL. / SQLite 或 PostgreSQL 地址。")
]
Schema = Annotated[str | None, typer.Option("--schema", help="A schema on PostgreSQL. / PostgreSQL 的模式名。")]


def _settings(database_url: str | None = None, schema: str | None = None, **changes: Any) -> Settings:
    from dataclasses import replace

    settings = Settings.from_environment()
    if database_url:
        changes["database_url"] = database_url
    if schema:
        changes["schema"] = schema
    return replace(settings, **changes)


@app.command()
def serve(
    service: Annotated[
        str | None,
        typer.Argument(
            help="exchange, tracking, settlement or scheduler; all three rooms without it. / 服务名；省略则全部运行。"
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on. / 监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on. / 监听端口。")] = 8000,
    database_url: DatabaseUrl = None,
    schema: Schema = None,
    simulated_clock: Annotated[
        str | None,
        typer.Option(help="Start a clock that the operator moves, at this time. / 模拟时钟的起始时间。"),
    ] = None,
) -> None:
    """Serves the platform, or one service of it. / 启动整个平台或其中一个服务。"""
    import uvicorn

    from exchange.stream.api import FRAME_BYTES_MAX
    from h2market.platform import Platform
    from h2market.uvicorn_protocol import OneWriteProtocol
    from h2market.uvicorn_stream import CuttingProtocol, LeavingServer
    from kernel.telemetry import set_up_logs

    voice = Voice(as_json=False)
    if service is not None and service not in (*SERVICES, "scheduler"):
        raise typer.BadParameter(
            voice.text(f"choose one of {', '.join(SERVICES)}, scheduler", f"请选择：{'、'.join(SERVICES)}、scheduler")
        )
    changes: dict[str, Any] = (
        {"simulated_clock": a_time("--simulated-clock", simulated_clock)} if simulated_clock else {}
    )
    settings = _settings(database_url, schema, **changes)
    set_up_logs(settings.log_level)
    if service == "scheduler":
        from h2market.scheduler import run_scheduler

        asyncio.run(run_scheduler(settings))
        return
    from exchange import VARIANT
    from h2market.app import create_app

    services = (service,) if service else SERVICES
    platform = Platform(settings, services)
    application = create_app(settings, services, platform)
    voice.note(
        f"h2market {__version__} on http://{host}:{port} (documentation: /docs)",
        f"h2market {__version__} 运行于 http://{host}:{port}（接口文档：/docs）",
    )
    if VARIANT == "compiled":
        voice.note("the exchange's core runs compiled", "交易核心以编译形式运行")
    _calm_collector()
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        http=OneWriteProtocol,
        ws=CuttingProtocol if "exchange" in services else "none",  # others have no streams
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
    )
    server = LeavingServer(config, platform.streams.leave)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(SERVER_NOT_STARTED)


@app.command()
def verify(as_json: AsJson = False, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Proves the database: hash chains, read models, ledger, mass. Exits 1 if anything does not hold. /
    校验数据库：哈希链、读模型、总账、质量守恒；不符时退出码为 1。"""
    from h2market.verification import events_in, schemas_of, sqlite_file, verify_store

    voice = Voice(as_json)
    settings = _settings(database_url, schema)
    file = sqlite_file(settings.database_url)
    if file is not None and not file.exists():
        _fail(voice, voice.text(f"There is no database at {file}.", f"{file} 处没有数据库。"), "no_database")
    findings: list[Finding] = []
    events = 0
    for name in schemas_of(settings.database_url, settings.schema):
        store = Store(settings.database_url, name)
        with voice.progress("Replaying the logs", "重放日志", events_in(store)) as step:
            verified = verify_store(store, step)
        store.close()
        findings += verified.findings
        events += verified.events
    if findings:
        voice.table(
            ("What does not hold", "不一致之处"),
            [("room", "模块"), ("rule", "规则"), ("event", "事件"), ("detail", "说明")],
            [(one.room, one.rule, f"{one.seq} {one.event}", voice.text(one.en, one.zh)) for one in findings],
        )
    voice.say(
        f"{events} events read, {len(findings)} findings: {'verified' if not findings else 'NOT verified'}",
        f"读取 {events} 个事件，发现 {len(findings)} 处问题：{'校验通过' if not findings else '校验未通过'}",
    )
    voice.result(
        {
            "verified": not findings,
            "events": events,
            "findings": [
                {
                    "room": one.room,
                    "rule": one.rule,
                    "seq": one.seq,
                    "event": one.event,
                    "detail": voice.text(one.en, one.zh),
                }
                for one in findings
            ],
        }
    )
    raise typer.Exit(1 if findings else 0)


@app.command()
def doctor(as_json: AsJson = False, database_url: DatabaseUrl = None, schema: Schema = None) -> None:
    """Checks what the platform stands on: Python, SQLite, the database, its schema, disk. /
    检查运行环境：Python、SQLite、数据库及其结构、磁盘。"""
    from h2market.health import examine

    voice = Voice(as_json)
    checks = examine(_settings(database_url, schema))
    marks = {"ok": ("ok", "正常"), "note": ("note", "提示"), "bad": ("bad", "异常")}
    voice.table(
        ("What the platform stands on", "运行环境"),
        [("check", "检查项"), ("state", "状态"), ("detail", "说明")],
        [(voice.text(*one.name), voice.text(*marks[one.state]), voice.text(*one.detail)) for one in checks],
    )
    bad = any(one.state == "bad" for one in checks)
    voice.result(
        {
            "ok": not bad,
            "checks": [{"check": one.name[0], "state": one.state, "detail": voice.text(*one.detail)} for one in checks],
        }
    )
    raise typer.Exit(1 if bad else 0)


@app.command()
def openapi(
    as_json: AsJson = False,
    output: Annotated[Path | None, typer.Option(help="Write to this file. / 写入文件。")] = None,
) -> None:
    """Prints the OpenAPI document. / 输出 OpenAPI 文档。"""
    from h2market.documents import openapi_document

    _print_document(openapi_document(), as_json, output)


@app.command()
def asyncapi(
    as_json: AsJson = False,
    output: Annotated[Path | None, typer.Option(help="Write to this file. / 写入文件。")] = None,
) -> None:
    """Prints the AsyncAPI document of the stream. / 输出推送接口的 AsyncAPI 文档。"""
    from exchange.stream.asyncapi import document

    _print_document(document(__version__), as_json, output)


@keys.command("create")
def key_create(
    as_json: AsJson = False,
    participant: Annotated[
        str | None, typer.Option(help="The company's id; the operator without it. / 企业编号；省略则为运营方。")
    ] = None,
    scopes: Annotated[
        str, typer.Option(help="Scopes separated by commas. / 以逗号分隔的权限。")
    ] = "operate,audit,read,trade,track,settle",
    label: Annotated[str, typer.Option(help="What the key is for. / 密钥用途。")] = "command line",
    uscc: Annotated[
        str | None,
        typer.Option(help="Credit code of the operator, to register it first. / 运营方统一社会信用代码（首次登记）。"),
    ] = None,
    name: Annotated[str, typer.Option(help="The operator's name. / 运营方英文名称。")] = "Market operator",
    name_zh: Annotated[str, typer.Option(help="The operator's Chinese name. / 运营方中文名称。")] = "市场运营方",
    database_url: DatabaseUrl = None,
    schema: Schema = None,
) -> None:
    """Makes an API key directly in the database of a server that is not running. /
    在服务未运行时直接在数据库中签发密钥。"""
    from h2market.bootstrap import create_key

    voice = Voice(as_json)
    try:
        made = asyncio.run(
            create_key(
                _settings(database_url, schema),
                participant,
                tuple(scopes.split(",")),
                label,
                uscc,
                (name, name_zh),
                secrets.token_bytes,
            )
        )
    except H2MarketError as error:
        _fail(voice, error.sentence(voice.language), error.code)
    except WriterTaken as error:
        _fail(voice, str(error), "writer_taken")
    voice.table(
        ("The key; its secret is shown this once", "密钥（内容仅显示这一次）"),
        [("key", "编号"), ("company", "企业"), ("scopes", "权限")],
        [(made.key_id, made.participant_id, " ".join(made.scopes))],
    )
    voice.say(made.secret, made.secret)  # on a line of its own: a narrow table would break it in two
    voice.result(
        {
            "key_id": made.key_id,
            "participant_id": made.participant_id,
            "scopes": list(made.scopes),
            "secret": made.secret,
        }
    )


@app.command()
def seed(
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
    replace: Annotated[bool, typer.Option(help="Empty a demonstration database first. / 先清空演示数据库。")] = False,
) -> None:
    """Fills an empty database with the fictional Shanxi market, without trading. / 向空数据库写入虚构的山西市场。"""
    from h2market.demo import run_seed

    _demonstrate(as_json, lambda voice: run_seed(voice, _settings(database_url), replace=replace))


@app.command()
def demo(
    as_json: AsJson = False,
    seed_number: Annotated[
        int, typer.Option("--seed", help="The day is a function of this number. / 模拟日由此种子决定。")
    ] = 1,
    database_url: DatabaseUrl = None,
    split: Annotated[
        bool, typer.Option(help="Run the three services as three processes (PostgreSQL). / 三个服务分进程运行。")
    ] = False,
    replace: Annotated[
        bool, typer.Option(help="Empty the database first, whatever it holds. / 无论内容如何先清空数据库。")
    ] = False,
) -> None:
    """Runs a simulated market day from the first order to a reconciled payment. /
    运行一个从首笔订单到对账付款的模拟交易日。"""
    from h2market.demo import run_demo

    _demonstrate(
        as_json, lambda voice: run_demo(voice, _settings(database_url), seed=seed_number, split=split, replace=replace)
    )


def _print_document(document: dict[str, Any], as_json: bool, output: Path | None) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=None if as_json else 2)
    if output:
        output.write_text(text + "\n", encoding="utf-8")
    else:
        sys.stdout.write(text + "\n")


def _calm_collector() -> None:
    """What was imported lives as long as the process, and most of what a request makes holds no cycles: let the garbage
    collector look at the former never and at the latter seldom."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _demonstrate(as_json: bool, run: Any) -> None:
    from h2market.demo import NotEmpty

    voice = Voice(as_json)
    try:
        passed = run(voice)
    except NotEmpty as error:
        _fail(voice, voice.text(error.en, error.zh), "not_empty")
    raise typer.Exit(0 if passed else 1)


def _fail(voice: Voice, message: str, code: str) -> Any:
    voice.note(message, message)
    voice.result({"ok": False, "code": code, "detail": message})
    raise typer.Exit(2)


def main() -> None:
    """The entry point of the command `h2market`."""
    try:
        app()
    except (WriterTaken, ValueError, OSError, SQLAlchemyError) as error:
        sys.stderr.write(f"h2market: {error}\n")
        sys.exit(2)
