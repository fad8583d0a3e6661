"""Compiles the exchange's core from the sources that run without it.

    python -m tools.compile_core              beside the sources: from then on the core runs compiled
    python -m tools.compile_core --remove     takes that away again
    python -m tools.compile_core --into DIR   in a copy of the tree, made anew where the sources changed
    python -m tools.compile_core --can        only asks whether it can be done here

Cython takes each module as it stands. The ``.pxd`` file beside a module says which of its classes are laid out in C and
what its hot functions hold. Where the fields of msgspec's structs lie is found by looking at the structs themselves
(`kernel.compiled.layout`), so no field is written twice. Python's integers stay Python's: nothing can overflow.

It needs Cython (``--group compiled``), a C compiler and Python's headers; without them it exits 3 and says so.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import msgspec

from kernel.compiled import MANIFEST, PACKAGES, WORD, Manifest, built, fingerprint, layout

ROOT = Path(__file__).parents[1]
#: What is compiled: the way of an order.
MODULES = (
    "kernel.machine",
    "exchange.changes",
    "exchange.book",
    "exchange.state",
    "exchange.matching",
    "exchange.orders",
    "exchange.machine",
)
#: Where the structs are that those modules read and write. They stay msgspec's.
STRUCT_MODULES = (
    "exchange.model",
    "exchange.pace",
    "exchange.account",
    "exchange.level",
    "exchange.events",
    "exchange.commands",
)
#: What the compiler takes from the .pxd files alone; annotations stay mypy's. A None that is asked for a field raises.
DIRECTIVES = {"language_level": "3", "annotation_typing": "False", "nonecheck": "True", "emit_code_comments": "False"}
HEADER_BYTES = object.__basicsize__
CANNOT = 3


class CannotCompile(Exception):
    """Something that compiling needs is not on this machine."""


def what_lacks() -> str | None:
    """What this machine lacks to compile, in English and Chinese; None if nothing."""
    if importlib.util.find_spec("Cython") is None:
        return "Cython is not installed: it is in the dependency group `compiled` / 未安装 Cython：见依赖组 `compiled`"
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler: {compiler} / 没有 C 编译器：{compiler}"
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.is_file():
        return f"Python's headers are not installed: {header} / 未安装 Python 头文件：{header}"
    return None


def assert_can() -> None:
    """Raises CannotCompile where something lacks."""
    lack = what_lacks()
    if lack is not None:
        raise CannotCompile(lack)


# --- what Cython is told of the structs


def structs(module: str) -> list[type[msgspec.Struct]]:
    """The structs that a module defines."""
    return [
        cls
        for _, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if cls.__module__ == module and issubclass(cls, msgspec.Struct)
    ]


def declarations(module: str) -> str:
    """A .pxd file that lays out a module's structs as they lie in memory.

    Every field is any object: no instance is trusted to hold what its class says until that was looked at.
    """
    layouts, classes = [], []
    for cls in structs(module):
        places = layout(cls)
        fields = sorted(places, key=places.__getitem__)
        expected = range(HEADER_BYTES, cls.__basicsize__, WORD)
        assert [places[field] for field in fields] == list(expected), f"{cls.__name__} has gaps: {places}"
        members = " ".join(f"PyObject *{field};" for field in fields)
        layouts.append(f"    typedef struct {{ PyObject_HEAD {members} }} H2{cls.__name__};")
        classes.append(f"    ctypedef class {module}.{cls.__name__} [object H2{cls.__name__}, check_size error]:")
        classes += [f"        cdef object {field}" for field in fields] or ["        pass"]
    return "\n".join(["cdef extern from *:", '    """', *layouts, '    """', *classes, ""])


# --- building


def sources(root: Path) -> dict[str, str]:
    """The SHA-256 of everything that the compiled modules are made of, by path."""
    files = [Path(*module.split(".")).with_suffix(suffix) for module in MODULES for suffix in (".py", ".pxd")]
    files += [Path(*module.split(".")).with_suffix(".py") for module in STRUCT_MODULES]
    return {file.as_posix(): fingerprint(root / file) for file in sorted(files)}


def recipe() -> str:
    """What the same sources would be compiled to otherwise: this file, and the versions of Cython and of Python."""
    return f"{fingerprint(Path(__file__))} Cython {metadata.version('cython')} Python {sys.version}"


def build(root: Path) -> None:
    """Compiles the core of the tree at ``root``, beside its sources. Raises CannotCompile."""
    assert_can()
    remove(root)  # before the package is imported, which would refuse what does not fit
    manifest = Manifest(
        recipe(),
        sources(root),
        {f"{module}.{cls.__name__}": layout(cls) for module in STRUCT_MODULES for cls in structs(module)},
    )
    with tempfile.TemporaryDirectory(prefix="h2market-core-") as folder:
        work = Path(folder)
        for package in PACKAGES:
            (work / package).mkdir()
            for file in (root / package).iterdir():
                if file.suffix in (".py", ".pxd"):
                    shutil.copy(file, work / package)
            # Cython asks for no more of a package than this file, and ours would look for what is being built.
            (work / package / "__init__.py").write_text("", "utf-8")
        for module in STRUCT_MODULES:
            Path(work, *module.split(".")).with_suffix(".pxd").write_text(declarations(module), "utf-8")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = list(pool.map(lambda module: _compile(work, module), MODULES))
        for file in made:
            shutil.copy(file, root / file.relative_to(work))
    (root / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


def _compile(work: Path, module: str) -> Path:
    """Makes one module's machine code from its source, by way of C."""
    source = Path(*module.split(".")).with_suffix(".py")
    c_file = source.with_suffix(".c")
    directives = ",".join(f"{name}={value}" for name, value in DIRECTIVES.items())
    _run(work, [sys.executable, "-m", "cython", "--directive", directives, "-o", str(c_file), str(source)])
    target = source.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
    _run(
        work,
        [
            *shlex.split(sysconfig.get_config_var("LDSHARED")),
            *shlex.split(sysconfig.get_config_var("CFLAGS")),
            *shlex.split(sysconfig.get_config_var("CCSHARED")),
            f"-I{sysconfig.get_path('include')}",
            "-O2",
            "-g0",
            "-w",  # the warnings are about Cython's C, not about our Python
            "-o",
            str(target),
            str(c_file),
        ],
    )
    return work / target


def _run(folder: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")


def remove(root: Path) -> None:
    """Takes compiled modules away."""
    for file in [*built(root), root / MANIFEST]:
        file.unlink(missing_ok=True)


def copy_tree(root: Path, target: Path) -> None:
    """Copies the tree without what tools and runs leave in it, and without compiled modules."""
    leave = shutil.ignore_patterns(
        ".*", "var", "build", "dist", "htmlcov", "__pycache__", "*.py[cod]", "*.so", "*.egg-info", MANIFEST.name
    )
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(root, target, ignore=leave)


def compiled_copy(root: Path, target: Path) -> None:
    """A copy of the tree whose core is compiled; an earlier one's is kept where it was made of the same sources.

    Raises CannotCompile.
    """
    assert_can()
    kept: dict[Path, bytes] = {}
    try:
        manifest = json.loads((target / MANIFEST).read_text("utf-8"))
        if (manifest["recipe"], manifest["sources"]) == (recipe(), sources(root)):
            kept = {file.relative_to(target): file.read_bytes() for file in [*built(target), target / MANIFEST]}
    except (OSError, ValueError, KeyError):
        pass
    copy_tree(root, target)
    if len(kept) == len(MODULES) + 1:
        for file, content in kept.items():
            (target / file).write_bytes(content)
    else:
        build(target)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.compile_core", description="Compiles the exchange's core.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--into", type=Path, metavar="DIR", help="in a copy of the tree")
    which.add_argument("--remove", action="store_true", help="take what was compiled away again")
    which.add_argument("--can", action="store_true", help="only ask whether it can be done here")
    options = parser.parse_args()
    try:
        if options.can:
            assert_can()
        elif options.remove:
            remove(ROOT)
        elif options.into:
            compiled_copy(ROOT, options.into)
        else:
            build(ROOT)
    except CannotCompile as lack:
        print(lack, file=sys.stderr)
        raise SystemExit(CANNOT) from None


if __name__ == "__main__":
    main()
