"""What nobody sees in a text."""

from __future__ import annotations

import re
import sys
from unicodedata import category

from pydantic import TypeAdapter, ValidationError

from kernel.edge import Line
from kernel.text import UNSEEN

_LINE: TypeAdapter[str] = TypeAdapter(Line)


def _passes(text: str) -> bool:
    try:
        return _LINE.validate_python(text) == text
    except ValidationError:
        return False


def test_controls_formats_and_breaks_are_unseen_for_either_dialect_of_patterns() -> None:
    hidden = re.compile(f"[{UNSEEN}]")
    for character in map(chr, range(sys.maxunicode + 1)):
        if category(character) in {"Cc", "Cf", "Zl", "Zp"}:
            assert hidden.search(character) and not _passes(f"a{character}b"), f"U+{ord(character):04X}"


def test_what_is_seen_passes() -> None:
    assert all(map(_passes, ("太原制氢有限公司", "𠮷野 H₂ – “a”", "Ünïted Gas & Co.", "é")))
