"""API keys: how a secret looks and how it is stored.

A secret is ``h2m_`` and 43 url-safe characters, which are 32 random bytes in base64 without padding. It is shown once;
only its SHA-256 is kept. A plain hash is enough because 256 random bits cannot be guessed, unlike a password.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

PREFIX = "h2m_"
SECRET_BYTES = 32

_SECRET = re.compile(r"h2m_[A-Za-z0-9_-]{43}", re.ASCII)


def new_secret(randbytes: Callable[[int], bytes]) -> str:
    """A new secret from a source of randomness such as `secrets.token_bytes`."""
    raw = randbytes(SECRET_BYTES)
    assert len(raw) == SECRET_BYTES
    return PREFIX + base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def hash_secret(secret: str) -> str:
    """The SHA-256 of a secret, 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like_secret(text: str) -> bool:
    """Whether ``text`` has the form of a secret; whether it is one only the directory knows."""
    return _SECRET.fullmatch(text) is not None
