"""Rules that hold for every file of the tree, whatever its language.

A rule is a name and a pattern; a line that matches breaks it. Two rules look at a whole file: its length and its end.
Run it as ``python -m tools.check_tree``; it prints ``path:line: rule: text`` and exits 1 if anything was found.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LINE_CHARACTERS_MAX = 120
MODULE_LINES_MAX = 450
FILE_BYTES_MAX = 1_000_000
#: A migration is as long as the schema that it makes, and is not changed once it is out.
UNMEASURED = re.compile(r"^(tests|benchmarks)/|/migrations/versions/")

#: Prose and data may have long lines: a table's row cannot be wrapped. Python is measured by ruff.
LONG_LINES = {".csv", ".geojson", ".json", ".jsonl", ".lock", ".md", ".py", ".svg", ".xml"}
BINARY = {".gif", ".ico", ".jpg", ".pdf", ".png", ".webp", ".woff2", ".xlsx"}
#: Text that was written elsewhere keeps its own form.
FOREIGN = {"LICENSE"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that breaks one rule. ``line`` counts from 1; 0 means the file as a whole."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text.strip()[:100]}"


#: Written so that no pattern matches its own line.
RULES: dict[str, re.Pattern[str]] = {
    "names a package index": re.compile(
        r"""https?://[^\s"'<>]*/simple\b"""
        r"""|(?:--|\b)(?:extra-)?index-url[ =]+["']?(?:http|file)"""
        r"""|(?:--|\b)find-links[ =]+["']?(?:http|file|/)"""
        r"""|"resolved":\s"http"""
        r"""|files\.pythonhosted\.[a-z]""",
    ),
    "fetches an artifact by its address": re.compile(r"""https?://[^\s"'<>]+\.(?:whl|tar\.gz|tgz)\b"""),
    "names a path of one machine": re.compile(
        r"(?:^|[\s\"'`=(:])/(?:home|root|Users|work)/[\w.]"
        r"|(?:^|[\s\"'`=(])/opt/(?:wheels|pypi)"
        r"|[A-Z]:\\Users\\",
    ),
    "holds a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "is a merge conflict": re.compile(r"^(?:<{7} |>{7} |={7}$)"),
    "leaves work open": re.compile(r"\b(?:T[O]DO|FIX[M]E|X{3}|Not[I]mplementedError)\b"),
    "names an issue by its number": re.compile(r"\b(?:[Ii]ssues?|PR|[Pp]ull request) ?#\d"),
    "ends in blanks": re.compile(r"[ \t\r]+$"),
}
#: The words of open work are rules for what is read and run; a license or a data file may hold them.
RULE_SUFFIXES = {"leaves work open": {".py", ".js", ".md", ".sh", ".html", ".css"}}


def check_text(path: str, text: str) -> Iterator[Finding]:
    """Every finding in one file's text. ``path`` is relative to the root, with forward slashes."""
    suffix = PurePosixPath(path).suffix
    lines = text.split("\n")
    if text and lines[-1]:
        yield Finding(path, len(lines), "has no newline at its end", lines[-1])
    if suffix == ".py" and len(lines) > MODULE_LINES_MAX + 1 and not UNMEASURED.search(path):
        yield Finding(path, 0, f"is longer than {MODULE_LINES_MAX} lines", f"{len(lines) - 1} lines")
    for number, line in enumerate(lines, start=1):
        for rule, pattern in RULES.items():
            if suffix in RULE_SUFFIXES.get(rule, {suffix}) and pattern.search(line):
                yield Finding(path, number, rule, line)
        if len(line) > LINE_CHARACTERS_MAX and suffix not in LONG_LINES:
            yield Finding(path, number, f"is longer than {LINE_CHARACTERS_MAX} characters", line)


def check_file(root: Path, path: str) -> Iterator[Finding]:
    """Every finding in one file of the tree."""
    file = root / path
    if file.stat().st_size > FILE_BYTES_MAX:
        yield Finding(path, 0, f"is larger than {FILE_BYTES_MAX} bytes", f"{file.stat().st_size} bytes")
    if file.suffix in BINARY or path in FOREIGN:
        return
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        yield Finding(path, 0, "is not UTF-8", str(error))
        return
    yield from check_text(path, text)


def files(root: Path) -> list[str]:
    """What is committed and what would be: tracked files and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return sorted(path for path in set(listed.split("\0")) if path and (root / path).is_file())


def main() -> int:
    """Checks the tree that this file stands in."""
    root = Path(__file__).resolve().parent.parent
    paths = files(root)
    findings = [finding for path in paths for finding in check_file(root, path)]
    for finding in findings:
        print(finding)
    print(f"check_tree: {len(paths)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
