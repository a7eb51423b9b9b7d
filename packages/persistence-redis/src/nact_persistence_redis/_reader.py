"""Reads: every call is one round trip, and holds nothing when it returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from nact.errors import NactError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_redis import _scripts
from nact_persistence_redis._gathering import GatheredReads
from nact_persistence_redis._link import Link
from nact_persistence_redis._names import Names
from nact_persistence_redis._records import Entry, padded, stored_snapshot, stored_tombstone
from nact_persistence_redis._request import Request

_KEYS_AT_ONCE = 1000
_FEW = 64
"""So many entries count as a small read, which may travel with others."""
_END = b"0"


class Page(NamedTuple):
    """Entries behind a number, the tombstones behind it, and whether there is no more."""

    tombstones: list[PersistedEvent]
    entries: list[Entry]
    is_last: bool


class Reader:
    """What is read of a key, and of the servers.

    Args:
        link: The way to the servers.
        names: What things are called.
    """

    def __init__(self, link: Link, names: Names) -> None:
        self._link = link
        self._small = GatheredReads(link)
        self._names = names

    async def page(self, key: str, after: int, count: int) -> Page:
        """Up to `count` entries behind `after`.

        Tombstones are read after them: a deletion in between can only make it newer than the entries, so that it
        covers whatever gap they have.
        """
        stream = self._names.events(key)
        wanted = ("XRANGE", stream, f"({after}-0", "+", "COUNT", count)
        dead = Request(stream, _scripts.TOMBSTONES.short((stream,)), key, _scripts.TOMBSTONES)
        ask = self._small.ask if count <= _FEW else self._ask
        entries, deleted = await ask(Request(stream, wanted, key), dead)
        tombstones = [stored_tombstone(key, fields) for fields in deleted]
        tombstones = [each for each in tombstones if each.sequence_number > after]
        return Page(tombstones, entries, is_last=len(entries) < count)

    async def highest(self, key: str) -> int:
        stream, script = self._names.events(key), _scripts.HIGHEST
        (highest,) = await self._small.ask(Request(stream, script.short((stream,)), key, script))
        return int(highest)

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        name = self._names.snapshots(key)
        command = ("ZRANGE", name, b"(" + padded(up_to) + b"!", "-", "BYLEX", "REV", "LIMIT", 0, 1)
        (members,) = await self._small.ask(Request(name, command, key))
        return stored_snapshot(key, members[0]) if members else None

    async def keys(self, prefix: str) -> AsyncGenerator[str]:
        """Every key that begins so, each once: what Redis lists twice is remembered."""
        seen: set[str] = set()
        pattern = self._names.pattern(prefix)
        for pool in self._link.servers.pools():
            cursor: bytes | None = None
            while cursor != _END:
                command = ("SCAN", cursor or _END, "MATCH", pattern, "COUNT", _KEYS_AT_ONCE)
                cursor, found = await self._link.one(Request(b"", command, pool=pool))
                for name in found:
                    key = self._names.key_of(name)
                    if key is not None and key not in seen:
                        seen.add(key)
                        yield key

    async def _ask(self, *requests: Request) -> list[Any]:
        replies = await self._link.ask(requests)
        for reply in replies:
            if isinstance(reply, NactError):
                raise reply
        return replies
