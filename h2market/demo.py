"""The commands `demo` and `seed`: the fictional market on a platform that is started for it and stopped again."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, TypeVar

from h2market.bootstrap import create_key
from h2market.client import ClientError
from h2market.console_text import Voice
from h2market.demo_store import Holds, NotEmpty, make_way
from h2market.demo_usage import count_usage
from h2market.servers import ServerEnded, Servers
from h2market.verification import events_in, schemas_of, verify_store
from kernel.clock import SystemClock, market_day, to_datetime, to_text
from kernel.config import SERVICES, Settings
from kernel.quantity import format_decimal, format_mass, format_money, format_price
from kernel.store import Store
from participants.model import Role
from seeds.client import Refused, Session, Unreachable, Wire
from seeds.companies import Company
from seeds.day import START, Founder, furnish, run_day
from seeds.features import FEATURES, by_feature
from seeds.figures import Figures
from seeds.founding import OPERATOR
from seeds.members import Market
from settlement.bank_settings import BankSettings

__all__ = ["NotEmpty", "run_demo", "run_seed"]

T = TypeVar("T")
Schemas = dict[str, str | None]

#: What may be emptied: an earlier demonstration at any time, other data on express wish.
DEMONSTRATION: frozenset[Holds] = frozenset({"demonstration"})
ANYTHING: frozenset[Holds] = frozenset({"demonstration", "other"})
EVERYTHING = "h2market"
OPERATOR_SCOPES = ("operate", "audit", "read", "trade", "track", "settle")
#: When orders are no longer taken and a day's products are better listed for the day after.
CLOSES_HOUR = 15


def run_demo(voice: Voice, settings: Settings, *, seed: int, split: bool, replace: bool) -> bool:
    """Runs the simulated day; True if nothing differs, everything verifies, and every feature was used. Raises
    NotEmpty, WriterTaken, or ValueError for what cannot be split."""
    started = time.monotonic()
    schemas = _schemas(settings, split)
    _make_way(settings, schemas, ANYTHING if replace else DEMONSTRATION, ANYTHING)
    log = _log_file(settings)
    # One company receives its notices on this machine.
    settings = changed(settings, webhook_networks=(*settings.webhook_networks, "127.0.0.0/8"))

    def day(founder: Founder) -> tuple[Market, Figures]:
        return run_day(founder, seed, voice)

    done = _on_platform(voice, settings, schemas, to_text(START), log, day)
    if done is None:
        return False
    market, figures = done
    findings = _verify(voice, settings, schemas)
    usage = _count(settings, schemas, figures)
    seconds = round(time.monotonic() - started, 1)
    _show(voice, figures)
    _show_usage(voice, usage)
    _show_keys(voice, market)
    passed = figures.differences == 0 and figures.mass_closed and not findings and _used_it_all(voice, usage)
    _say_end(voice, figures, findings, seconds)
    voice.result({**_as_json(figures), "used": usage, "seed": seed, "verified": not findings, "seconds": seconds})
    return passed


def run_seed(voice: Voice, settings: Settings, *, replace: bool) -> bool:
    """Fills an empty database with companies, money and products; True if it verifies. Raises as `run_demo` does."""
    schemas = _schemas(settings, split=False)
    _make_way(settings, schemas, DEMONSTRATION if replace else frozenset(), DEMONSTRATION)
    now_us = SystemClock().now_us()
    closed = to_datetime(now_us).hour >= CLOSES_HOUR
    first_day = market_day(now_us + (24 - CLOSES_HOUR) * 3_600_000_000 if closed else now_us)

    def fill(founder: Founder) -> tuple[Market, int]:
        market = furnish(founder, first_day, now_us, voice)
        return market, int(market.operator.get("/v1/reconciliation")["differences"])

    done = _on_platform(voice, settings, schemas, "", _log_file(settings), fill)
    if done is None:
        return False
    market, differences = done
    findings = _verify(voice, settings, schemas)
    _show_keys(voice, market)
    voice.say(
        f"{len(market.members)} companies, trading begins on {first_day}: {differences} differences",
        f"{len(market.members)} 家企业，首个交易日 {first_day}：{differences} differences · {differences} 处差异",
    )
    voice.result({"companies": len(market.members), "differences": differences, "verified": not findings})
    return differences == 0 and not findings


# --- the platform


def _schemas(settings: Settings, split: bool) -> Schemas:
    """Which processes there are and which schema each has."""
    if not split:
        return {EVERYTHING: settings.schema}
    if settings.database_url.startswith("sqlite"):
        raise ValueError(
            "--split needs PostgreSQL: services that run apart write at the same time; name it with --database-url"
            " / --split 需要 PostgreSQL：分开运行的服务会同时写入；请用 --database-url 指定"
        )
    return {service: service for service in SERVICES}


def _make_way(
    settings: Settings, schemas: Schemas, may_replace: frozenset[Holds], might_replace: frozenset[Holds]
) -> None:
    """Empties the schemas that are used, and those that an earlier demonstration left elsewhere in the database."""
    url = settings.database_url
    places = sorted({*schemas.values(), *schemas_of(url, settings.schema)}, key=str)
    make_way(url, places, may_replace=may_replace, might_replace=might_replace)


def _log_file(settings: Settings) -> Path:
    """Where the servers log: beside a database that is a file, else in the folder of what a run leaves."""
    scheme, _, path = settings.database_url.partition(":///")
    return Path(path).with_suffix(".log") if scheme.startswith("sqlite") else Path("var/demo.log")


def _on_platform(
    voice: Voice,
    settings: Settings,
    schemas: Schemas,
    simulated_clock: str,
    log: Path,
    work: Callable[[Founder], T],
) -> T | None:
    """Does the work on a platform that runs for it; None, and a word on why, where the platform did not do its part."""
    try:
        return _run(settings, schemas, simulated_clock, log, work)
    except (Refused, Unreachable, ServerEnded, ClientError) as error:
        voice.note(
            f"The demonstration stopped: {error}. The servers' log is {log}.",
            f"演示中止：{error}。服务日志位于 {log}。",
        )
        voice.result({"ok": False, "code": "stopped", "detail": str(error)})
        return None


def _run(settings: Settings, schemas: Schemas, simulated_clock: str, log: Path, work: Callable[[Founder], T]) -> T:
    first = changed(settings, schema=next(iter(schemas.values())), simulated_clock=simulated_clock)
    names = (OPERATOR.name, OPERATOR.name_zh)
    key = create_key(first, None, OPERATOR_SCOPES, "Market desk", OPERATOR.uscc, names, secrets.token_bytes)
    made = asyncio.run(key)
    with Servers(settings, schemas, simulated_clock, log) as servers, closing(Wire(servers.urls)) as wire:
        session = Session(wire, made.secret, "operator")
        account_number = BankSettings.from_environment().account_number
        return work(Founder(made.participant_id, session, account_number))


def _verify(voice: Voice, settings: Settings, schemas: Schemas) -> int:
    """Replays every log of what was just written; returns how much does not hold."""
    findings = 0
    for schema in schemas.values():
        store = Store(settings.database_url, schema)
        with voice.progress("Verifying the logs", "校验日志", events_in(store)) as step:
            verified = verify_store(store, step)
        store.close()
        findings += len(verified.findings)
        for one in verified.findings:
            voice.note(f"{one.room} {one.rule} {one.seq}: {one.en}", f"{one.room} {one.rule} {one.seq}：{one.zh}")
    return findings


def _count(settings: Settings, schemas: Schemas, figures: Figures) -> dict[str, int]:
    """What the day used, by the logs that it left."""
    store = Store(settings.database_url, schemas.get("exchange", settings.schema))
    try:
        return by_feature(count_usage(store), figures.compared)
    finally:
        store.close()


def _used_it_all(voice: Voice, usage: dict[str, int]) -> bool:
    """Whether every feature was used; says which were not."""
    unused = [key for key, count in usage.items() if not count]
    if unused:
        voice.note(f"The day did not use: {', '.join(unused)}", f"当日未用到：{'、'.join(unused)}")
    return not unused


# --- what is shown


def _as_json(figures: Figures) -> dict[str, Any]:
    return {
        "orders": figures.orders,
        "trades": figures.trades,
        "traded_kg": format_mass(figures.traded_g),
        "traded_cny": format_money(figures.traded_fen),
        "average_price": {kind: format_price(average.price_fen_per_kg) for kind, average in figures.averages.items()},
        "loads_traded": figures.loads_traded,
        "loads_delivered": figures.loads_delivered,
        "loads_rejected": figures.loads_rejected,
        "loads_lapsed": figures.loads_lapsed,
        "loads_short": figures.loads_short,
        "loads_late": figures.loads_late,
        "loads_unfinished": figures.loads_unfinished,
        "delivered_kg": format_mass(figures.delivered_g),
        "returned_kg": format_mass(figures.returned_g),
        "paid_fen": figures.paid_fen,
        "withdrawn_fen": figures.withdrawn_fen,
        "deposits_assigned": figures.deposits_assigned,
        "mass_closed": figures.mass_closed,
        "differences": figures.differences,
        "items_reconciled": figures.items_reconciled,
        "events": figures.events,
        "top_producers": [
            {
                "name": producer.name,
                "name_zh": producer.name_zh,
                "loads": producer.loads,
                "delivered_kg": format_mass(producer.mass_g),
                "earned_fen": producer.earned_fen,
            }
            for producer in figures.producers
        ],
    }


_KINDS = {"ex_works": ("ex works", "工厂交货"), "delivered": ("delivered", "到站交货"), "haulage": ("haulage", "运输")}


def _show(voice: Voice, figures: Figures) -> None:
    voice.table(
        (f"The market day of {to_datetime(START).date()}", f"{to_datetime(START).date()} 交易日"),
        [("figure", "指标"), ("value", "数值")],
        [(voice.text(*name), value) for name, value in _rows(voice, figures)],
    )
    voice.table(
        ("Producers by what they delivered", "制氢企业（按交付量）"),
        [("company", "企业"), ("loads", "车数"), ("kg", "千克"), ("earned, CNY", "收入（元）")],
        [
            (
                voice.text(producer.name, producer.name_zh),
                producer.loads,
                format_mass(producer.mass_g),
                format_money(producer.earned_fen),
            )
            for producer in figures.producers
        ],
    )


def _show_usage(voice: Voice, usage: dict[str, int]) -> None:
    voice.table(
        ("What the day used, by the exchange's log", "当日所用功能（据交易所日志）"),
        [("feature", "功能"), ("count", "次数")],
        [
            (voice.text(feature.en, feature.zh), ", ".join(str(usage[key]) for key in feature.keys))
            for feature in FEATURES
        ],
    )


def _rows(voice: Voice, figures: Figures) -> list[tuple[tuple[str, str], str]]:
    rows = [
        (("orders", "订单"), str(figures.orders)),
        (("trades", "成交"), str(figures.trades)),
        (("hydrogen traded, kg", "成交氢气（千克）"), format_mass(figures.traded_g)),
        (("value traded, CNY", "成交金额（元）"), format_money(figures.traded_fen)),
    ]
    for kind, average in figures.averages.items():
        en, zh = _KINDS[kind]
        value = (
            f"{format_price(average.price_fen_per_kg)} ({voice.text(f'{average.loads} loads', f'{average.loads} 车')})"
        )
        rows.append(((f"average price {en}, CNY/kg", f"{zh}均价（元/千克）"), value))
    share = format_decimal(figures.loads_delivered * 1_000 // max(1, figures.loads_traded), 1)
    return [
        *rows,
        (("loads delivered", "已交付车数"), f"{figures.loads_delivered} ({share} %)"),
        (("loads rejected", "拒收车数"), str(figures.loads_rejected)),
        (("loads lapsed", "失效车数"), str(figures.loads_lapsed)),
        (("loads short", "短装车数"), str(figures.loads_short)),
        (("loads late", "迟到车数"), str(figures.loads_late)),
        (("hydrogen delivered, kg", "交付氢气（千克）"), format_mass(figures.delivered_g)),
        (("paid to sellers and hauliers, CNY", "已付卖方与承运方（元）"), format_money(figures.paid_fen)),
        (("paid out by the bank, CNY", "银行已划付（元）"), format_money(figures.withdrawn_fen)),
        (("deposits assigned by hand", "人工认领入账"), str(figures.deposits_assigned)),
    ]


_SHOWN_ROLES: tuple[Role, ...] = ("auditor", "producer", "haulier", "storage_operator", "station")


def _show_keys(voice: Voice, market: Market) -> None:
    """Keys to look around with, one of each kind of company. Lines and no table: a key must not be broken in two."""
    shown = [market.with_role(role)[0] for role in _SHOWN_ROLES]
    voice.say("Keys to look around with:", "可用于浏览的密钥：")
    _say_key(voice, market.operator, market.operator_id, OPERATOR)
    for member in shown:
        _say_key(voice, member.session, member.participant_id, member.company)


def _say_key(voice: Voice, session: Session, participant_id: str, company: Company) -> None:
    voice.say(
        f"  {session.secret}  {participant_id}  {company.name}",
        f"  {session.secret}  {participant_id}  {company.name_zh}",
    )


def _say_end(voice: Voice, figures: Figures, findings: int, seconds: float) -> None:
    """The last line for people carries the words `0 differences` in both languages."""
    proof = ("verified", "校验通过") if not findings else (f"with {findings} findings", f"有 {findings} 处问题")
    voice.say(
        f"{figures.events} events {proof[0]}, {figures.items_reconciled} items reconciled in {seconds} s: "
        f"{figures.differences} differences",
        f"{figures.events} 个事件{proof[1]}，对账 {figures.items_reconciled} 项，用时 {seconds} 秒："
        f"{figures.differences} differences · {figures.differences} 处差异",
    )
