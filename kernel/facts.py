"""What a room tells others of itself on demand: named lists of plain values, for reconciliation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import httpx
import msgspec
from sqlmodel import Session

from kernel.store import Store


class Fact(NamedTuple):
    """One named list: the type of its values and how to read them from the room's own rows."""

    kind: type[msgspec.Struct]
    read: Callable[[Session], Iterable[msgspec.Struct]]


class FactSource(Protocol):
    """Where a room's facts are read."""

    async def read(self, name: str) -> list[Any]: ...


class LocalFacts:
    """The facts of a room in the same process."""

    def __init__(self, store: Store, facts: Mapping[str, Fact]) -> None:
        self._store = store
        self._facts = facts

    async def read(self, name: str) -> list[Any]:
        def read() -> list[Any]:
            with self._store.reading() as session:
                return list(self._facts[name].read(session))

        return await asyncio.to_thread(read)


class RemoteFacts:
    """The facts of a room in another process."""

    def __init__(self, client: httpx.AsyncClient, room: str, facts: Mapping[str, Fact]) -> None:
        self._client = client
        self._room = room
        self._facts = facts

    async def read(self, name: str) -> list[Any]:
        response = await self._client.get(f"/v1/internal/{self._room}/facts/{name}", timeout=60)
        response.raise_for_status()
        kind: Any = self._facts[name].kind
        decoded: list[Any] = msgspec.json.decode(response.content, type=list[kind])
        return decoded
