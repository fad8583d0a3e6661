"""Documents made from the code."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

from h2market.app import create_fastapi
from h2market.platform import Platform
from kernel.config import Settings


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document of the whole platform, without starting it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings(), database_url=f"sqlite:///{folder}/unused.db")
        platform = Platform(settings)
        try:
            return create_fastapi(platform).openapi()
        finally:
            platform.store.close()
