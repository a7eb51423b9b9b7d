"""Reads of a key. Every call is one round trip, and holds nothing when it returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Sequence
from itertools import islice
from typing import Any, NamedTuple

from nact.errors import NactError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.shared_reads import SharedReads
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._routing.router import Router
from nact_persistence_redis._statements import scripts
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.records import Entry, padded, stored_snapshot, stored_tombstone

_KEYS_AT_ONCE = 1000
_SMALL_PAGE = 64
"""A page of up to this many entries counts as a small read, which may share a round trip."""
_READS_AT_ONCE = 64
"""How many reads share a round trip at most: a large one shouldn't delay too many others."""
_END = b"0"


class Page(NamedTuple):
    """The entries after a number, the tombstones after it, and whether these are the last ones."""

    tombstones: list[PersistedEvent]
    entries: list[Entry]
    is_last: bool


class Reader:
    """Reads pages, numbers and snapshots of keys, and lists keys.

    Args:
        router: The way to the servers.
        names: The names of things in Redis.
    """

    def __init__(self, router: Router, names: Names) -> None:
        self._router = router
        self._shared = SharedReads(self._fetch, max_questions=_READS_AT_ONCE)
        self._names = names

    async def page(self, key: str, after: int, count: int) -> Page:
        """Up to `count` entries after `after`.

        Tombstones are read after the entries: a deletion in between can only make the tombstone newer than the entries,
        so that it covers any gap between them.
        """
        stream = self._names.events(key)
        wanted = ("XRANGE", stream, f"({after}-0", "+", "COUNT", count)
        dead = Request(stream, scripts.TOMBSTONES.by_digest((stream,)), key, scripts.TOMBSTONES)
        ask = self._ask_with_others if count <= _SMALL_PAGE else self._ask
        entries, deleted = await ask(Request(stream, wanted, key), dead)
        tombstones = [stored_tombstone(key, fields) for fields in deleted]
        tombstones = [each for each in tombstones if each.sequence_number > after]
        return Page(tombstones, entries, is_last=len(entries) < count)

    async def highest(self, key: str) -> int:
        stream, script = self._names.events(key), scripts.HIGHEST
        (highest,) = await self._ask_with_others(Request(stream, script.by_digest((stream,)), key, script))
        return int(highest)

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        name = self._names.snapshots(key)
        command = ("ZRANGE", name, b"(" + padded(up_to) + b"!", "-", "BYLEX", "REV", "LIMIT", 0, 1)
        (members,) = await self._ask_with_others(Request(name, command, key))
        return stored_snapshot(key, members[0]) if members else None

    async def keys(self, prefix: str) -> AsyncGenerator[str]:
        """Every key that begins with `prefix`, each once: Redis may list one twice, so they are remembered."""
        seen: set[str] = set()
        pattern = self._names.pattern(prefix)
        for pool in self._router.servers.pools():
            cursor: bytes | None = None
            while cursor != _END:
                command = ("SCAN", cursor or _END, "MATCH", pattern, "COUNT", _KEYS_AT_ONCE)
                cursor, found = await self._router.one(Request(b"", command, pool=pool))
                for name in found:
                    key = self._names.key_of(name)
                    if key is not None and key not in seen:
                        seen.add(key)
                        yield key

    async def _ask(self, *requests: Request) -> list[Reply]:
        (answer,) = await self._fetch([requests])
        if isinstance(answer, NactError):
            raise answer
        return answer

    def _ask_with_others(self, *requests: Request) -> Coroutine[Any, Any, list[Reply]]:
        """For small reads: those of one server that begin in the same pass of the event loop share a round trip.

        A server that is slow or gone doesn't delay the reads of others.
        """
        return self._shared.ask(requests, group=self._router.servers.pool(requests[0].name))

    async def _fetch(self, reads: Sequence[tuple[Request, ...]]) -> list[list[Reply] | NactError]:
        """The replies to each read; in their place an error, if one of them is an error."""
        replies = iter(await self._router.ask([request for read in reads for request in read]))
        return [_answer(list(islice(replies, len(read)))) for read in reads]


def _answer(replies: list[Reply]) -> list[Reply] | NactError:
    for reply in replies:
        if isinstance(reply, NactError):
            return reply
    return replies
