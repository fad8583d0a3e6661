"""Signatures of the Standard Webhooks scheme, and the secrets that they are made with.

    webhook-id         the message, the same however often it is sent
    webhook-timestamp  when this attempt is made, in seconds
    webhook-signature  ``v1,`` and the HMAC-SHA256 of ``id.timestamp.body``, base64; one for each valid secret

A secret is ``whsec_`` and 32 bytes in base64. It cannot be kept as a hash, because it must sign, so it is not kept at
all: it is the HMAC-SHA256 of the webhook's salt under the market's webhook key, which is in the environment, or in a
row of its own. Neither the log nor a read model nor a copy of the log in another service has enough to sign with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from kernel.quantity import MICROS_PER_S
from kernel.room import table_of
from kernel.store import Write, write_rows
from participants.tables import WebhookKeyRow

PREFIX = "whsec_"
SALT_BYTES = 16
KEY_BYTES = 32
#: How long two secrets sign after a rotation, unless its owner says otherwise.
OVERLAP_S = 86_400
_ROW = "webhooks"


def new_salt(randbytes: Callable[[int], bytes]) -> str:
    """A new salt from a source of randomness such as `secrets.token_bytes`."""
    return randbytes(SALT_BYTES).hex()


def secret_of(key: bytes, salt: str) -> str:
    """The secret that a salt stands for under the market's webhook key."""
    return PREFIX + base64.b64encode(_derived(key, salt)).decode()


def _derived(key: bytes, salt: str) -> bytes:
    return hmac.digest(key, b"h2market webhook secret " + bytes.fromhex(salt), hashlib.sha256)


def signed_headers(key: bytes, salts: Sequence[str], message_id: str, at_us: int, body: bytes) -> dict[str, str]:
    """The three headers of an attempt at ``at_us``; every salt's secret signs."""
    assert "." not in message_id
    timestamp = str(at_us // MICROS_PER_S)
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = (hmac.digest(_derived(key, salt), signed, hashlib.sha256) for salt in salts)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def webhook_key(connection: Connection, given: str, randbytes: Callable[[int], bytes]) -> bytes:
    """The market's webhook key: the given one, else that of the database, which gets one the first time."""
    if given:
        return given.encode()
    table = table_of(WebhookKeyRow)
    found = connection.execute(select(table.c.key).where(table.c.id == _ROW)).scalar()
    if found is not None:
        return bytes(found)
    key = randbytes(KEY_BYTES)
    write_rows(connection, [Write(table, [(_ROW, key)], replace=False)])
    return key
