"""What the demonstration says at its end, in both languages, and what it refuses before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2market import demo
from h2market.console_text import Voice
from h2market.servers import ServerEnded, Servers
from kernel.config import Settings
from seeds.features import by_feature
from seeds.figures import Average, Figures, Producer

FIGURES = Figures(
    orders=515, trades=189, traded_g=31_560_000, traded_fen=89_651_000,
    averages={"ex_works": Average(70, 2_100), "delivered": Average(29, 2_496), "haulage": Average(99, 635)},
    loads_traded=99, loads_delivered=97, loads_rejected=1, loads_lapsed=1, loads_short=1, loads_late=1,
    loads_unfinished=0, delivered_g=31_172_918, returned_g=286_195, paid_fen=88_435_458, withdrawn_fen=475_930_000,
    deposits_assigned=1, mass_closed=True, differences=0, items_reconciled=643, events=6_025,
    producers=(Producer("Frostford Hydrogen", "栖霜渡氢能有限公司", 14, 5_553_002, 10_596_294),),
    compared={"stream_books": 3},
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_last_line_says_differences(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("H2MARKET_LANG", language)
    voice = Voice(as_json=False)
    demo._show(voice, FIGURES)
    demo._say_end(voice, FIGURES, findings=0, seconds=31.5)
    shown = capsys.readouterr().out
    last = shown.splitlines()[-1]
    assert "0 differences" in last
    assert ("0 处差异" in last) == (language == "zh")
    assert ("栖霜渡" if language == "zh" else "Frostford") in shown


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_the_day_used_is_shown_line_by_line(
    language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("H2MARKET_LANG", language)
    demo._show_usage(Voice(as_json=False), by_feature({"gtd_expired": 7, "day_expired": 12}, {"webhook_messages": 31}))
    shown = capsys.readouterr().out
    assert "7, 0, 12" in shown
    assert "31" in shown
    assert ("冰山单" if language == "zh" else "icebergs") in shown


def test_a_day_that_left_something_out_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("H2MARKET_LANG", "en")
    every = dict.fromkeys(by_feature({}, {}), 1)
    assert demo._used_it_all(Voice(as_json=False), every)
    assert not demo._used_it_all(Voice(as_json=False), {**every, "implied_matches": 0})
    told = capsys.readouterr()
    assert "implied_matches" in told.out + told.err
    assert "gtd_expired" not in told.out + told.err


def test_findings_are_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("H2MARKET_LANG", "en")
    demo._say_end(Voice(as_json=False), FIGURES, findings=2, seconds=31.5)
    assert "with 2 findings" in capsys.readouterr().out


def test_nothing_is_split_on_sqlite(sqlite_url: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        demo.run_demo(Voice(as_json=True), Settings(database_url=sqlite_url), seed=1, split=True, replace=False)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    settings = Settings(database_url="sqlite:///" + str(tmp_path / "h2market.db"))
    with (
        pytest.raises(ServerEnded, match="not-a-time"),
        Servers(settings, {demo.EVERYTHING: None}, "not-a-time", tmp_path / "server.log"),
    ):
        pass
