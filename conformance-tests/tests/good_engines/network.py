"""An engine for the small server: one connection, and calls one after another."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from good_engines.server import Request
from nact.errors import EngineClosedError, EngineUnavailableError, InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building import json_data
from nact.persistence.building.checks import check_batch, check_key, check_window
from nact.persistence.building.errors import engine_unavailable
from nact.persistence.records import sorted_tags
from nact_conformance.process_storage import ProcessStorage

PAGE = 400


class NetworkEngine:
    """Speaks to the small server. What a cancelled caller left under way is finished before the next call begins.

    A line that doesn't answer in time is given up, and the server is told so before anything else is asked of it: what
    still arrives on that line isn't heard.
    """

    limit: float | None = 5.0
    """Seconds that an exchange may take."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._line = ""
        self._given_up: list[str] = []
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
            check_json(event)
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
        check_json(snapshot)
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
                async with asyncio.timeout(self.limit):
                    await self._connect()
                    sent = True
                    reply = await self._send(request)
            except (OSError, EOFError, TimeoutError) as error:
                await self._hang_up()
                raise engine_unavailable(f"the server is away: {error}", outcome_known=not sent) from error
            self.round_trips += 1
            return _result(reply)

    async def _connect(self) -> None:
        if self._ends is None:
            self._ends = await asyncio.open_connection(*self._address, limit=2**26)
            self._line = uuid4().hex
        while self._given_up:
            await self._send(Request("end line", key=self._given_up[-1]))
            self._given_up.pop()

    async def _send(self, request: Request) -> Any:
        if self._ends is None:
            raise EOFError("not connected")
        reader, writer = self._ends
        writer.write(msgspec.json.encode(msgspec.structs.replace(request, line=self._line)) + b"\n")
        await writer.drain()
        return msgspec.json.decode(await reader.readuntil(b"\n"))

    async def _hang_up(self) -> None:
        if self._ends is not None:
            _, writer = self._ends
            self._ends = None
            self._given_up.append(self._line)
            writer.transport.abort()
            await asyncio.sleep(0)


def check_json(record: PersistedEvent | PersistedSnapshot) -> None:
    """Returns if data and metadata can be stored exactly."""
    json_data.check(record.data)
    json_data.check(record.metadata)


def _result(reply: dict[str, Any]) -> Any:
    if "conflict" in reply:
        raise SequenceConflictError(*reply["conflict"])
    if "refused" in reply:
        raise EngineUnavailableError(reply["refused"])  # it was refused before anything was done
    if "error" in reply:
        raise InvalidEventError(reply["error"])
    return reply["ok"]


def from_url(url: str) -> NetworkEngine:
    """The engine for `small://host:port`."""
    place = urlsplit(url)
    return NetworkEngine(place.hostname or "", place.port or 0)


class SmallServer(ProcessStorage):
    """The small server, which can be told to refuse reads."""

    def refuse_reads(self) -> None:
        self._tell("refuse reads")

    def allow_reads(self) -> None:
        self._tell("allow reads")

    def _tell(self, what: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(msgspec.json.encode(Request(what)) + b"\n")
            connection.recv(100)


small_server = SmallServer(
    [sys.executable, "-m", "good_engines.server", "{port}", "{folder}"],
    url="small://127.0.0.1:{port}",
    version="small server 1",
    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
)
"""Where the engine stores: a server that can be killed, and a proxy before it."""
