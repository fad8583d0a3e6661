"""The gate of `make coverage` guards the whole core, and excuses nothing."""

from __future__ import annotations

import tomllib

import grimp

from tests.house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PURE = next(one for one in PROJECT["importlinter"]["contracts"] if one["id"] == "pure")


def core() -> set[str]:
    """The files of the exchange that reach neither web nor database, not even through others. What it sends and
    serves beside them, `exchange/stream`, is measured by what its readers see."""
    graph = grimp.build_graph(*PROJECT["importlinter"]["root_packages"], include_external_packages=True)
    heavy = [name for name in PURE["forbidden_modules"] if name in graph.modules]
    pure = (
        module
        for module in graph.find_children("exchange")
        if module != "exchange.stream" and not any(graph.chain_exists(importer=module, imported=name) for name in heavy)
    )
    return {f"{module.replace('.', '/')}.py" for module in pure}


def test_every_module_of_the_core_is_measured() -> None:
    assert sorted(core()) == PROJECT["coverage"]["run"]["include"]


def test_nothing_of_it_is_excused() -> None:
    assert PROJECT["coverage"]["run"]["branch"] is True
    report = PROJECT["coverage"]["report"]
    assert (report["fail_under"], report["exclude_lines"], report["partial_branches"]) == (100, [], [])
