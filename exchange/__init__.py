"""The exchange. Its core runs as it stands here, or compiled from it; see `kernel.compiled`."""

from pathlib import Path

from kernel import compiled

#: How the core runs here.
VARIANT = compiled.check(Path(__file__).parents[1])
