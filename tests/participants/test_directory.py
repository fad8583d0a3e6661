"""The directory through the life of a key."""

from __future__ import annotations

import secrets

from kernel.messages import Command
from participants import commands as c
from participants.directory import Directory
from participants.keys import hash_secret, looks_like_secret, new_secret
from tests.participants.support import Register, key, register


def test_key_lives_with_its_company() -> None:
    room, directory = Register(), Directory()
    secret = new_secret(secrets.token_bytes)

    def send(command: Command) -> None:
        room.send(command)
        directory.update(room.log[-1])

    send(register(1, "station"))
    send(key("P1", secret, "trade", "read"))
    waiting = directory.authenticate(secret)
    assert waiting is not None
    assert (waiting.participant_id, waiting.key_id, waiting.active) == ("P1", "K2", False)
    assert (waiting.roles, waiting.scopes) == (frozenset({"station"}), frozenset({"trade", "read"}))
    send(c.ApproveCompany("P1"))
    approved = directory.authenticate(secret)
    assert approved is not None and approved.active
    assert not waiting.active  # the one that a request holds did not change under it
    send(c.SuspendCompany("P1", "papers"))
    suspended = directory.authenticate(secret)
    assert suspended is not None and not suspended.active
    send(c.RevokeKey("K2"))
    assert directory.authenticate(secret) is None
    send(c.ReinstateCompany("P1"))
    assert directory.authenticate(secret) is None


def test_nobody_is_behind_an_unknown_secret() -> None:
    directory = Directory()
    assert directory.authenticate(new_secret(secrets.token_bytes)) is None
    assert directory.authenticate("") is None
    assert directory.company("P1") is None


def test_secret_is_32_bytes_in_43_characters() -> None:
    assert new_secret(bytes) == "h2m_" + "A" * 43
    assert new_secret(lambda count: b"\xff" * count) == "h2m_" + "_" * 42 + "8"


def test_hash_is_sha256_of_the_whole_secret() -> None:
    assert len(hash_secret("h2m_" + "A" * 43)) == 64
    assert hash_secret("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_form_of_a_secret() -> None:
    assert looks_like_secret("h2m_" + "aZ9_-" * 8 + "abc")
    for wrong in ("h2m_" + "A" * 42, "h2m_" + "A" * 44, "H2M_" + "A" * 43, "h2m_" + "+" * 43, "h2m_" + "A" * 43 + "\n"):
        assert not looks_like_secret(wrong)
