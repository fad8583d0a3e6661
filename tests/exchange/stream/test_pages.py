"""The pages name all that there is to say and to hear, in both languages."""

from __future__ import annotations

import json
import re
from zlib import crc32

import pytest

from exchange.stream import connection, outbox, past, requests, topics
from exchange.stream.asyncapi import ITEMS, op_of, tag_of
from exchange.stream.base import Said
from exchange.stream.door import STREAMS_PER_NAME_MAX
from exchange.stream.requests import REQUESTS
from exchange.stream.said import SAID
from tests.exchange.stream.client import LevelBook
from tests.house import ROOT

PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("stream.md", "stream.zh-CN.md")}


@pytest.mark.parametrize("page", PAGES)
def test_every_message_is_named(page: str) -> None:
    text = PAGES[page]
    said: list[type[Said]] = list(SAID)
    names = {tag_of(one) for one in (*said, *ITEMS)} | {op_of(one) for one in REQUESTS}
    assert {name for name in names if not re.search(rf'[`"]{name}["`:]', text)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_limit_and_code_is_told(page: str) -> None:
    text = PAGES[page]
    codes = {value for name, value in vars(connection).items() if name.startswith("CLOSE_")}
    assert {code for code in codes if f"| {code} |" not in text} == set()
    for limit in (
        connection.SUBSCRIPTIONS_MAX, connection.FRAMES_MAX, outbox.MESSAGES_MAX, past.EVENTS_MAX, past.LATEST_TRADES,
        requests.DEPTH_MAX, requests.DEPTH_DEFAULT, requests.THROTTLE_MS_MAX, STREAMS_PER_NAME_MAX,
        int(outbox.STUCK_S_MAX),
    ):  # fmt: skip
        assert re.search(rf"(?<![0-9]){limit:,}(?![0-9])", text), limit
    assert topics.INDICATIVE_EVERY_S == 1.0


def test_both_languages_have_the_same_parts() -> None:
    english, chinese = (text.splitlines() for text in PAGES.values())
    for mark in ("## ", "### ", "| ", "```", "- ", "**"):
        assert sum(line.startswith(mark) for line in english) == sum(line.startswith(mark) for line in chinese), mark


@pytest.mark.parametrize("page", PAGES)
def test_the_books_of_the_page_have_their_checksums(page: str) -> None:
    book = LevelBook()
    example = PAGES[page].partition("```text")[2].partition("```")[0]
    for start in re.finditer(r'\{"type": "book', example):
        book.take(json.JSONDecoder().raw_decode(example[start.start() :])[0])
    assert book.messages == 2


def test_the_checksum_of_the_page_is_right() -> None:
    assert "`19.95:4:2|20.00:3:1,20.05:2:1`" in PAGES["stream.md"]
    assert crc32(b"|") == 2343686810
