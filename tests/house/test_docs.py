"""The written house: the glossary is a table that can be trusted, and the records have their four parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from h2market.platform import JOBS
from kernel.auth import SCOPES
from kernel.config import SERVICES
from kernel.telemetry import Metrics
from tests.house import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
VARIABLE = re.compile(r"\bH2MARKET_[A-Z0-9_]+|\bDATABASE_URL\b")
#: Written in both languages.
PAGES = ("client", "operations", "stream", "trading", "webhooks")
PACKAGES = ("kernel", "participants", "exchange", "tracking", "settlement", "h2market")
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)#\s]+)")
ANCHOR = re.compile(r"\[[^\]]*\]\((?P<target>[^)#\s:]*)#(?P<anchor>[^)\s]+)\)")


def glossary() -> list[list[tuple[str, str, str]]]:
    """The terms of each section: English, Chinese, meaning."""
    sections = (ROOT / "docs" / "glossary.md").read_text().split("\n## ")[1:]
    tables = [[line for line in section.splitlines() if line.startswith("| ")][2:] for section in sections]
    return [[_cells(line) for line in table] for table in tables]


def _cells(line: str) -> tuple[str, str, str]:
    english, chinese, meaning = (cell.strip() for cell in line.strip("|").split("|"))
    return english, chinese, meaning


def test_glossary_says_every_term_once_in_both_languages() -> None:
    terms = [term for section in glossary() for term in section]
    assert len(terms) >= 60
    assert len({english for english, _, _ in terms}) == len(terms)
    for english, chinese, meaning in terms:
        assert CHINESE.search(chinese), english
        assert meaning.endswith("."), english


def test_glossary_sections_are_in_order() -> None:
    for section in glossary():
        words = [english.lower() for english, _, _ in section]
        assert words == sorted(words)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_decision_record_has_its_parts(record: Path) -> None:
    text = record.read_text()
    assert text.startswith(f"# {record.stem[:4]}. ")
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Alternatives"]


def test_records_are_numbered_without_gaps() -> None:
    assert [record.name[:4] for record in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text())]
    files = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in files if not (page.parent / target).exists()] == []


def headings(page: Path) -> set[str]:
    """What links to headings of a page are called, as GitHub makes it of them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_to_headings_lead_somewhere(page: Path) -> None:
    for match in ANCHOR.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / match["target"]).resolve() if match["target"] else page
        assert match["anchor"] in headings(target), match[0]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.zh-CN.md")), ids=lambda page: page.name)
def test_every_page_is_in_both_languages(page: Path) -> None:
    other = page.with_name(page.name.replace(".zh-CN", ""))
    for one, title in ((page, f"[English]({other.name})"), (other, f"[中文]({page.name})")):
        assert one.read_text(encoding="utf-8").splitlines()[2] == title


def test_no_page_is_in_english_alone() -> None:
    alone = {"glossary.md"}  # which is in both languages itself
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - alone == {
        f"{name}{language}.md" for name in PAGES for language in ("", ".zh-CN")
    }


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_operations_name_every_variable_of_the_environment(page: str) -> None:
    sources = [path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    read = {name for source in sources for name in re.findall(r'"(H2MARKET_[A-Z0-9_]+|DATABASE_URL)"', source)}
    read |= {f"H2MARKET_{service.upper()}_URL" for service in SERVICES}
    assert set(VARIABLE.findall((ROOT / "docs" / page).read_text())) == read


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_operations_name_every_scope_and_metric(page: str) -> None:
    named = re.findall(r"^\| `([a-z0-9_]+)` \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(named) & set(SCOPES)) == sorted(SCOPES)
    metrics = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in Metrics().registry.collect()
    }
    assert {name for name in named if name.startswith("h2market_")} == metrics


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_operations_name_every_job(page: str) -> None:
    named = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)
    assert sorted(named) == sorted(job.name for jobs in JOBS.values() for job in jobs)


@pytest.mark.parametrize("name", ["README", *(f"docs/{name}" for name in PAGES)])
def test_a_page_has_the_same_parts_in_both_languages(name: str) -> None:
    english, chinese = (
        (ROOT / page).read_text(encoding="utf-8").splitlines() for page in (f"{name}.md", f"{name}.zh-CN.md")
    )
    for mark in ("## ", "### ", "| ", "- ", "```", "1. ", "5. "):
        assert sum(line.startswith(mark) for line in english) == sum(line.startswith(mark) for line in chinese), mark
