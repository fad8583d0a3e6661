"""Compiled code runs only beside the sources that it was made of, and over structs that lie in memory as they did."""

from __future__ import annotations

import ast
import ctypes
import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

from exchange.model import MoneyLimit, Order
from kernel.compiled import MANIFEST, PACKAGES, Manifest, check, fingerprint, layout
from tools.compile_core import MODULES, STRUCT_MODULES, copy_tree, declarations, remove, sources, structs

SUFFIX = EXTENSION_SUFFIXES[0]
MONEY = "exchange.model.MoneyLimit"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two packages; in one of them a module that was compiled, and still fits."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "exchange/book.py").write_text("price = 1\n")
    (tmp_path / f"exchange/book{SUFFIX}").write_bytes(b"machine code")
    describe(tmp_path, layout(MoneyLimit))
    return tmp_path


def describe(tree: Path, money: dict[str, int]) -> None:
    """Writes the manifest of what was compiled, with where a limit kept its fields."""
    manifest = Manifest("", {"exchange/book.py": fingerprint(tree / "exchange/book.py")}, {MONEY: money})
    (tree / MANIFEST).write_bytes(msgspec.json.encode(manifest))


def refused(tree: Path, what: str) -> None:
    with pytest.raises(ImportError, match=rf"does not fit {re.escape(what)}: run `make compiled` again(.|\n)*重新运行"):
        check(tree)


def test_what_was_compiled_of_these_sources_runs(tree: Path) -> None:
    assert check(tree) == "compiled"


def test_without_anything_compiled_the_sources_run(tree: Path) -> None:
    remove(tree)
    assert check(tree) == "pure"
    assert sorted(file.name for file in (tree / "exchange").iterdir()) == ["book.py"]


def test_what_another_python_compiled_is_not_looked_at(tree: Path) -> None:
    remove(tree)
    (tree / "exchange/book.cpython-39-x86_64-linux-gnu.so").write_bytes(b"machine code")
    assert check(tree) == "pure"


def test_a_source_that_changed_since_is_named(tree: Path) -> None:
    (tree / "exchange/book.py").write_text("price = 2\n")
    refused(tree, "exchange/book.py")


def test_a_source_that_is_gone_is_named(tree: Path) -> None:
    (tree / "exchange/book.py").unlink()
    refused(tree, "exchange/book.py")


@pytest.mark.parametrize("text", [None, "", "[]", '{"sources": {}}'])
def test_a_manifest_that_is_none_is_refused(tree: Path, text: str | None) -> None:
    if text is None:
        (tree / MANIFEST).unlink()
    else:
        (tree / MANIFEST).write_text(text)
    refused(tree, str(MANIFEST))


def test_a_struct_whose_fields_lie_elsewhere_is_named(tree: Path) -> None:
    places = layout(MoneyLimit)
    places["reserved_fen"], places["committed_fen"] = places["committed_fen"], places["reserved_fen"]
    describe(tree, places)
    refused(tree, MONEY)


def test_a_struct_with_another_field_is_named(tree: Path) -> None:
    describe(tree, {**layout(MoneyLimit), "lent_fen": 56})
    refused(tree, MONEY)


@pytest.mark.parametrize("cls", [cls for module in STRUCT_MODULES for cls in structs(module)], ids=lambda c: c.__name__)
def test_a_field_is_where_the_layout_says(cls: type[msgspec.Struct]) -> None:
    values = [object() for _ in cls.__struct_fields__]
    one = cls(*values)
    for field, place in layout(cls).items():
        found = ctypes.c_void_p.from_address(id(one) + place).value
        assert found == id(getattr(one, field))


def test_a_struct_of_the_collector_s_has_no_layout() -> None:
    class Followed(msgspec.Struct):
        order: Order

    with pytest.raises(AssertionError, match="Followed is the collector's"):
        layout(Followed)


def test_no_instance_is_trusted_to_hold_what_its_class_says() -> None:
    text = declarations("exchange.model")
    assert "ctypedef class exchange.model.Order [object H2Order, check_size error]:" in text
    assert set(re.findall(r"^        cdef (\w+) ", text, re.MULTILINE)) == {"object"}


def test_the_sources_are_all_that_is_compiled() -> None:
    root = Path(__file__).parents[2]
    paths = set(sources(root))
    assert {f"{module.replace('.', '/')}{suffix}" for module in MODULES for suffix in (".py", ".pxd")} <= paths
    described = {path.relative_to(root).as_posix() for package in PACKAGES for path in (root / package).glob("*.pxd")}
    assert described == {path for path in paths if path.endswith(".pxd")}


def test_no_field_is_deleted() -> None:
    """Compiled code finds nothing where a field was deleted, not even an error."""
    root = Path(__file__).parents[2]
    deleted = [
        f"{file.relative_to(root)}:{node.lineno}"
        for package in PACKAGES
        for file in (root / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Delete) and any(isinstance(target, ast.Attribute) for target in node.targets)
    ]
    assert deleted == []


def test_a_copy_of_the_tree_is_without_what_runs_leave(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (tree / ".cache").mkdir()
    (tree / "exchange/__pycache__").mkdir()
    target = tmp_path_factory.mktemp("copies") / "tree"
    for _ in range(2):
        copy_tree(tree, target)
        assert check(target) == "pure"
        assert sorted(file.relative_to(target).as_posix() for file in target.rglob("*")) == [
            "exchange", "exchange/book.py", "kernel"
        ]  # fmt: skip
