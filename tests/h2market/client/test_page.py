"""The page about the client does what it says, in both languages, and the package names what it offers."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from h2market import client
from tests.exchange.market import PRODUCT
from tests.exchange.stream.served import Served
from tests.h2market.client.either import Either, offer
from tests.house import ROOT

PAGES = [ROOT / "docs" / "client.md", ROOT / "docs" / "client.zh-CN.md"]
FENCE = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(page: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in FENCE.finditer(page.read_text(encoding="utf-8"))]


def test_both_languages_show_the_same_code() -> None:
    english, chinese = map(fences, PAGES)
    assert english == chinese
    assert len(english) == 8


def test_the_code_prints_what_the_page_says(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}"
    seller = Either("sync", url, served.secrets["seller"])
    seller.place(offer("s-1", 1, "20.50"))
    seller.close()
    names: dict[str, Any] = {"__name__": "page"}
    blocks = fences(PAGES[0])
    for (kind, code), (_, output) in zip(blocks[::2], blocks[1::2], strict=True):
        assert kind == "python"
        here = code.replace("http://127.0.0.1:8000", url).replace("YOUR-KEY", served.secrets["buyer"])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(here, "client.md", "exec"), names)  # noqa: S102
        assert printed.getvalue() == output
    assert names["PRODUCT"] == PRODUCT


def test_public_names_are_complete_and_sorted() -> None:
    assert sorted(client.__all__) == list(client.__all__)
    assert all(hasattr(client, name) for name in client.__all__)


def test_the_client_brings_nothing_of_the_server() -> None:
    script = "import sys, h2market.client; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    rooms = {"kernel", "participants", "exchange", "tracking", "settlement", "console", "seeds"}
    assert rooms.isdisjoint(ran.stdout.split())
    assert {"sqlalchemy", "fastapi", "pydantic", "uvicorn"}.isdisjoint(ran.stdout.split())


def test_a_wrong_address_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="begins with http"):
        client.Stream("ftp://example.com", "key")
