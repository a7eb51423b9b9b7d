"""An engine for the small server: one connection, and calls one after another."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from good_engines.server import Request
from nact.errors import EngineClosedError, EngineUnavailableError, InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot, json_data
from nact.persistence.records import check_batch, check_key, check_window, sorted_tags
from nact_conformance.process_storage import ProcessStorage

PAGE = 400


class NetworkEngine:
    """Speaks to the small server. What a cancelled caller left under way is finished before the next call begins."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False
        self.round_trips = 0

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._hang_up()

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        check_key(key)
        check_window(after, limit)
        wanted = list(sorted_tags(tags))
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(limit, PAGE)
            found = await self._ask(Request("page", key, after, size, wanted))
            page = msgspec.convert(found, list[PersistedEvent])
            for event in page:
                yield event
            if len(page) < size:
                return
            after = page[-1].sequence_number
            limit = None if limit is None else limit - size

    async def persist(self, event: PersistedEvent) -> None:
        await self.persist_all([event])

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for event in events:
            json_data.check(event.data)
        await self._ask(Request("persist", events=list(events)))

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await self._ask(Request("delete", key, up_to))

    async def highest_sequence_number(self, key: str) -> int:
        return msgspec.convert(await self._ask(Request("highest", key)), int)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        for key in await self._ask(Request("keys", prefix)):
            yield key

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        found = await self._ask(Request("latest", key, limit=up_to))
        return msgspec.convert(found, PersistedSnapshot | None)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        json_data.check(snapshot.data)
        await self._ask(Request("take", snapshot=snapshot))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        await self._ask(Request("forget", key, up_to))

    async def _ask(self, request: Request) -> Any:
        if self._closed:
            raise EngineClosedError("this engine is closed")
        task = asyncio.ensure_future(self._exchange(request))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone

    async def _exchange(self, request: Request) -> Any:
        async with self._turn:
            sent = False
            try:
                if self._ends is None:
                    self._ends = await asyncio.open_connection(*self._address, limit=2**26)
                reader, writer = self._ends
                sent = True
                writer.write(msgspec.json.encode(request) + b"\n")
                await writer.drain()
                line = await reader.readuntil(b"\n")
            except (OSError, EOFError) as error:
                await self._hang_up()
                raise EngineUnavailableError(f"the server is away: {error}", outcome_known=not sent) from error
            self.round_trips += 1
            return _result(msgspec.json.decode(line))

    async def _hang_up(self) -> None:
        if self._ends is not None:
            _, writer = self._ends
            self._ends = None
            writer.transport.abort()
            await asyncio.sleep(0)


def _result(reply: dict[str, Any]) -> Any:
    if "conflict" in reply:
        raise SequenceConflictError(*reply["conflict"])
    if "error" in reply:
        raise InvalidEventError(reply["error"])
    return reply["ok"]


def from_url(url: str) -> NetworkEngine:
    """The engine for `small://host:port`."""
    place = urlsplit(url)
    return NetworkEngine(place.hostname or "", place.port or 0)


small_server = ProcessStorage(
    [sys.executable, "-m", "good_engines.server", "{port}", "{folder}"],
    url="small://127.0.0.1:{port}",
    version="small server 1",
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
)
"""Where the engine stores: a server that can be killed, and a proxy before it."""
