"""`python -m h2market`."""

from __future__ import annotations

from h2market.cli import main

if __name__ == "__main__":
    main()
