"""What holds for the house as a whole: its arrows, its locks, its files and how it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
