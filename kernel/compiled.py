"""Whether the exchange's core runs compiled, and whether what was compiled still fits.

`tools.compile_core` makes modules of machine code from the very sources that run without it, and a manifest of what it
made them of. Compiled code reads the fields of msgspec's structs from where they lie in memory. So before any of it
runs, the sources must be those that it was made of, and every field must lie where it lay.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import json
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Literal

import msgspec

Variant = Literal["pure", "compiled"]

#: The folders of the compiled modules, and where among them the manifest lies.
PACKAGES = ("kernel", "exchange")
MANIFEST = Path("exchange", "compiled.json")
WORD = ctypes.sizeof(ctypes.c_void_p)


class Manifest(msgspec.Struct, frozen=True):
    """What was compiled of what. ``sources``: path -> SHA-256; ``layouts``: module.Class -> field -> bytes from its
    instance's start. ``recipe`` is that of the tool that compiled."""

    recipe: str
    sources: dict[str, str]
    layouts: dict[str, dict[str, int]]


def layout(cls: type[msgspec.Struct]) -> dict[str, int]:
    """Where an instance keeps its fields, in bytes from its start, found by looking at one.

    Only of structs that the collector does not follow: nobody need be told what a field holds.
    """
    assert not cls.__struct_config__.gc, f"{cls.__name__} is the collector's"
    marks = [object() for _ in cls.__struct_fields__]
    probe = cls(*marks)
    words = (ctypes.c_void_p * (cls.__basicsize__ // WORD)).from_address(id(probe))
    places = {word: number * WORD for number, word in enumerate(words)}
    return {field: places[id(mark)] for field, mark in zip(cls.__struct_fields__, marks, strict=True)}


def fingerprint(file: Path) -> str:
    """The SHA-256 of a source, in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def built(root: Path) -> list[Path]:
    """The compiled modules that lie beside their sources under ``root`` and fit this Python."""
    return sorted(
        file
        for package in PACKAGES
        for file in (root / package).iterdir()
        if f".{file.name.partition('.')[2]}" in EXTENSION_SUFFIXES
    )


def check(root: Path) -> Variant:
    """What would run from ``root``. Raises ImportError where compiled modules do not fit their sources or structs."""
    if not built(root):
        return "pure"
    try:
        manifest = msgspec.convert(json.loads((root / MANIFEST).read_text("utf-8")), Manifest)
    except (OSError, ValueError):
        raise _misfit(str(MANIFEST)) from None
    for path, sha256 in manifest.sources.items():
        file = root / path
        if not file.is_file() or fingerprint(file) != sha256:
            raise _misfit(path)
    for name, expected in manifest.layouts.items():
        module, _, cls = name.rpartition(".")
        if layout(getattr(importlib.import_module(module), cls)) != expected:
            raise _misfit(name)
    return "compiled"


def _misfit(what: str) -> ImportError:
    return ImportError(
        f"the compiled core does not fit {what}: run `make compiled` again, or `make pure` to go without it\n"
        f"已编译的核心与 {what} 不符：请重新运行 `make compiled`，或运行 `make pure` 改用纯 Python"
    )
