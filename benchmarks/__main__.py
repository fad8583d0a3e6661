"""The benchmarks that a contributor runs before and after a change, in their short forms: ``python -m benchmarks``.

Names choose: ``python -m benchmarks core``. Each has more to set, and a long form, as ``python -m benchmarks.core``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

SHORT = ("orders", "core")


def main() -> int:
    """Runs them one after another; returns the first exit code that is not 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SHORT)}; all of them if none is named")
    names = parser.parse_args().names or SHORT
    unknown = [name for name in names if name not in SHORT]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SHORT)}")
    for name in names:
        print(f"--- {name}", flush=True)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--quick"], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
