"""The tree keeps its own rules, and the check finds what breaks them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.house import ROOT
from tools.check_tree import FILE_BYTES_MAX, MODULE_LINES_MAX, check_file, check_text, files


def test_this_tree_has_no_findings() -> None:
    assert [str(finding) for path in files(ROOT) for finding in check_file(ROOT, path)] == []


# The offending words are put together here, so that this file does not break the rules that it tests.
@pytest.mark.parametrize(
    ("path", "line", "rule"),
    [
        ("a.txt", "-i https://an.example/" + "simple", "names a package index"),
        ("a.toml", "index-" + 'url = "https://an.example"', "names a package index"),
        ("a.lock", "--find-" + "links /wheelhouse", "names a package index"),
        ("package-lock.json", '"resolved": ' + '"https://an.example/x"', "names a package index"),
        ("a.txt", "x @ https://an.example/x-1.0" + ".whl", "fetches an artifact by its address"),
        ("a.py", 'HOME = "/' + 'home/somebody"', "names a path of one machine"),
        ("a.md", "see /" + "root/notes", "names a path of one machine"),
        ("a.pem", "-----BEGIN RSA " + "PRIVATE KEY-----", "holds a private key"),
        ("a.py", "<" * 7 + " ours", "is a merge conflict"),
        ("a.py", "# TO" + "DO later", "leaves work open"),
        ("a.py", "raise Not" + "ImplementedError", "leaves work open"),
        ("a.py", "# see issue " + "#12", "names an issue by its number"),
        ("a.yml", "key: value ", "ends in blanks"),
        ("a.yml", "key: " + "v" * 120, "is longer than 120 characters"),
    ],
)
def test_finds(path: str, line: str, rule: str) -> None:
    findings = list(check_text(path, f"fine\n{line}\n"))
    assert [(finding.line, finding.rule) for finding in findings] == [(2, rule)]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.md", "A long line of prose: " + "word " * 40 + "end"),
        ("a.py", 'route = "/v1/work/orders"'),
        ("a.py", "workhome = root / name"),
        ("a.txt", "TO" + "DO in data"),
        ("a.py", "see https://an.example/simplest"),
    ],
)
def test_lets_pass(path: str, line: str) -> None:
    assert list(check_text(path, f"{line}\n")) == []


def test_a_module_that_is_too_long_is_found_and_a_long_test_is_not() -> None:
    text = "pass\n" * (MODULE_LINES_MAX + 1)
    assert [finding.text for finding in check_text("exchange/book.py", text)] == [f"{MODULE_LINES_MAX + 1} lines"]
    assert list(check_text("exchange/book.py", "pass\n" * MODULE_LINES_MAX)) == []
    assert list(check_text("tests/exchange/test_book.py", text)) == []


def test_the_last_line_ends() -> None:
    assert [finding.rule for finding in check_text("a.py", "pass")] == ["has no newline at its end"]
    assert list(check_text("a.py", "")) == []


def test_large_and_undecodable_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(b"\0" * (FILE_BYTES_MAX + 1))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    rules = [finding.rule for path in ("large.png", "latin.txt") for finding in check_file(tmp_path, path)]
    assert rules == [f"is larger than {FILE_BYTES_MAX} bytes", "is not UTF-8"]


def test_ignored_files_are_not_looked_at(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("left/\n")
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "a.py").write_text("")
    (tmp_path / "new.py").write_text("")
    assert files(tmp_path) == [".gitignore", "new.py"]
