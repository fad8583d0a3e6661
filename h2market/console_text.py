"""What the command line says, in English or Chinese, as tables for people or as JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from kernel.errors import Language


def language() -> Language:
    """Chinese if H2MARKET_LANG, or else the locale, says so."""
    wanted = (
        os.environ.get("H2MARKET_LANG")
        or os.environ.get("LC_ALL")
        or os.environ.get("LC_MESSAGES")
        or os.environ.get("LANG")
        or ""
    )
    return "zh" if wanted.lower().startswith("zh") else "en"


class Voice:
    """Speaks one language on one command: progress on standard error, results on standard output."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.language: Language = language()
        self._out = Console(soft_wrap=True, highlight=False)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def text(self, en: str, zh: str) -> str:
        """The sentence in the language of the command."""
        return zh if self.language == "zh" else en

    def note(self, en: str, zh: str) -> None:
        """Says something in passing."""
        self._err.print(self.text(en, zh), markup=False)

    def say(self, en: str, zh: str) -> None:
        """Says a result to a person; JSON speaks for itself."""
        if not self.as_json:
            self._out.print(self.text(en, zh), markup=False)

    def table(
        self, title: tuple[str, str], columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]]
    ) -> None:
        """Shows a table; numbers stand to the right."""
        if self.as_json:
            return
        shown = Table(title=self.text(*title), title_justify="left")
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[index], int) for row in rows)
            shown.add_column(self.text(*column), justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            shown.add_row(*(str(cell) for cell in row))
        self._out.print(shown)

    def result(self, value: Any) -> None:
        """Ends with one line of JSON, where that was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def progress(self, en: str, zh: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A bar on standard error while something long goes on; give the steps as they are done."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as bar:
            task = bar.add_task(self.text(en, zh), total=total)
            yield lambda steps: bar.advance(task, steps)
