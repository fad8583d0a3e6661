"""What is played when. A scene is one line here, and a module beside this one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import Self

from seeds.members import Market
from seeds.moments import at
from seeds.night import list_night, night_of
from seeds.pace import Pace
from seeds.scenes import auctions, carriage, changes, conditions, files, maker, order_types, recalls, safety, together
from seeds.scenes.marks import STREAM_LABEL
from seeds.scenes.notices import Notices, Receiver
from seeds.scenes.stage import CAST, MOONKEEP, PAULOWNIA, RUSHMOON, Stage
from seeds.scenes.streams import Streams
from seeds.scenes.watching import Watch


class Programme:
    """The scenes of one day. Its ``with`` block begins before the market opens and ends when it has closed.

    ``compared`` is what readers of streams, files and webhooks found as it is on record.
    """

    def __init__(self, market: Market, pace: Pace, day: date) -> None:
        self.compared: dict[str, int] = {}
        self._stage = Stage(market, pace, night_of(day))
        self._day = day
        list_night(market, self._stage.night)

    def __enter__(self) -> Self:
        stage = self._stage
        with ExitStack() as opened:
            self._streams = opened.enter_context(Streams(stage.operator.wire.url_of("exchange")))
            self._notices = Notices(stage, opened.enter_context(Receiver()))
            keys = {code: self._stream_key(code) for code in (MOONKEEP, RUSHMOON)}
            stage.pace.catch_up()  # so that everybody knows the keys
            (auditor,) = stage.market.with_role("auditor")
            self._watch = Watch(stage, self._streams, auditor.session.secret, stage.session(PAULOWNIA).secret)
            self._maker = maker.MarketMaker(stage, self._streams, keys[MOONKEEP])
            self._line = self._streams.line()
            self._rushmoon = self._streams.open(keys[RUSHMOON], line=self._line, on_disconnect="cancel_placed")
            self._scenes = [(at(self._day, *time), play) for time, play in self._plan()]
            self._closing = opened.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def __len__(self) -> int:
        """How many scenes are left."""
        return len(self._scenes)

    def play_until(self, moment: int, look_again: Callable[[tuple[str, ...]], None]) -> int:
        """Plays what begins before a moment, and tells the day's floor after each whose business has changed. Returns
        how many scenes that were."""
        played = 0
        while self._scenes and self._scenes[0][0] < moment:
            begins, play = self._scenes.pop(0)
            self._stage.pace.move(begins)
            play()
            look_again(CAST)
            played += 1
        return played

    def settle(self) -> None:
        """What everybody who read along found when the market has closed."""
        self.compared |= {
            "stream_trades": self._watch.compare_trades(),
            "stream_fills": self._watch.compare_position(),
            "rows_exported": files.export_orders(self._stage),
            "webhook_messages": self._notices.settle(),
        }

    def _plan(self) -> tuple[tuple[tuple[int, int], Callable[[], None]], ...]:
        """The scenes, each over before the agents' next round, which comes every quarter of an hour.

        Trades are taken back before 14:35: what is left by then has its haulage bought.
        """
        stage = self._stage
        return (
            ((8, 52), partial(auctions.open_the_night, stage)),
            ((9, 5), partial(maker.make_market, stage, self._maker)),
            ((9, 20), partial(order_types.trade_the_morning, stage)),
            ((9, 35), partial(conditions.set_conditions, stage)),
            ((9, 50), partial(together.link, stage)),
            ((10, 5), partial(maker.ask_for_quotes, stage, self._maker)),
            ((10, 20), partial(together.meet_in_three, stage)),
            ((10, 35), partial(changes.amend, stage, self._streams, self._rushmoon)),
            ((10, 50), partial(changes.meet_oneself, stage)),
            ((11, 5), partial(changes.take_all_back, stage)),
            ((11, 16), partial(auctions.halt_by_volatility, stage)),
            ((11, 35), partial(auctions.slip_of_the_pen, stage)),
            ((11, 46), partial(safety.fall_silent, stage)),
            ((12, 5), partial(safety.cut_the_line, stage, self._streams, self._rushmoon, self._line)),
            ((12, 20), partial(safety.pull_kill_switches, stage)),
            ((12, 35), partial(safety.halt_the_market, stage)),
            ((12, 50), partial(safety.slow_down, stage)),
            ((13, 5), partial(files.import_orders, stage)),
            ((13, 20), partial(recalls.take_back, stage)),
            ((14, 35), partial(carriage.find_lorries, stage)),
            ((14, 50), partial(order_types.leave_until_tonight, stage)),
            ((14, 52), self._compare_books),
            ((14, 58), partial(auctions.close_the_day, stage)),
        )

    def _compare_books(self) -> None:
        self.compared["stream_books"] = self._watch.compare_books()
        self.compared["maker_fills"] = self._maker.close()

    def _stream_key(self, code: str) -> str:
        member = self._stage.member(code)
        key = {
            "participant_id": member.participant_id,
            "scopes": ("trade", "read"),
            "label": f"{member.company.name}{STREAM_LABEL}",
        }
        return str(self._stage.operator.post("/v1/keys", key)["secret"])
