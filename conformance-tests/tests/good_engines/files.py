"""An engine on one append-only file, which many processes can share: all abilities, in few lines, not fast."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec

from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot


class Change(msgspec.Struct, array_like=True):
    """What a line of the file holds."""

    what: str
    key: str = ""
    up_to: int = 0
    events: list[PersistedEvent] = []
    snapshot: PersistedSnapshot | None = None


class FileEngine:
    """Applies the file's changes to a copy in memory. The holder of the file's lock has the newest copy."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._copy = MemoryPersistenceEngine()
        self._read_to = 0

    async def aclose(self) -> None:
        await self._copy.aclose()

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        await self._catch_up()
        async for event in self._copy.events(key, after=after, limit=limit, tags=tags):
            yield event

    async def persist(self, event: PersistedEvent) -> None:
        await self.persist_all([event])

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await self._change(Change("persist", events=list(events)))

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await self._change(Change("delete", key, up_to))

    async def highest_sequence_number(self, key: str) -> int:
        await self._catch_up()
        return await self._copy.highest_sequence_number(key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        await self._catch_up()
        async for key in self._copy.keys(prefix=prefix):
            yield key

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        await self._catch_up()
        return await self._copy.latest_snapshot(key, up_to=up_to)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await self._change(Change("take", snapshot=snapshot))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        await self._change(Change("forget", key, up_to))

    async def _change(self, change: Change) -> None:
        with self._locked() as file:
            await self._read(file)
            await self._apply(change)  # refuses what can't be, before it is written
            await self._write(file, msgspec.json.encode(change) + b"\n")

    async def _write(self, file: BinaryIO, line: bytes) -> None:
        file.truncate(self._read_to)  # a line without an end is what a killed process left
        file.seek(self._read_to)
        file.write(line)
        file.flush()
        os.fdatasync(file.fileno())
        self._read_to = file.tell()

    async def _catch_up(self) -> None:
        with self._locked() as file:
            await self._read(file)

    async def _read(self, file: BinaryIO) -> None:
        file.seek(self._read_to)
        for line in file.read().splitlines(keepends=True):
            if line.endswith(b"\n"):
                self._read_to += len(line)
                await self._apply(msgspec.json.decode(line, type=Change))

    async def _apply(self, change: Change) -> None:
        match change.what:
            case "persist":
                await self._copy.persist_all(change.events)
            case "delete":
                await self._copy.delete_events(change.key, up_to=change.up_to)
            case "take" if change.snapshot is not None:
                await self._copy.take_snapshot(change.snapshot)
            case "forget":
                await self._copy.delete_snapshots(change.key, up_to=change.up_to)
            case _:
                raise ValueError(change.what)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with self._path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def from_url(url: str) -> FileEngine:
    """The engine for `file:///path`."""
    return FileEngine(urlsplit(url).path)
