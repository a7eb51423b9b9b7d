"""The engine: the contract's methods. One thread does the work, in the order in which it was asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, TypeVar, TypeVarTuple
from urllib.parse import unquote, urlsplit

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact.persistence.building.checks import check_batch, check_key, check_prefix, check_tags, check_window
from nact.persistence.building.errors import engine_unavailable
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact.persistence.building.lifecycle import SessionEngine
from nact_persistence_log.log import Line, Log

Ts = TypeVarTuple("Ts")
R = TypeVar("R")

PAGE = 500


class Session:
    """The engine's parts in one event loop: the file, its thread, and the group commit that feeds the thread."""

    def __init__(self, log: Log, thread: ThreadPoolExecutor) -> None:
        self.log = log
        self.commits = GroupCommit(self._write)
        self._thread = thread

    async def open(self) -> None:
        """Does nothing: the first use opens the file."""

    async def aclose(self) -> None:
        await self.commits.aclose()
        self._thread.submit(self.log.close)
        self._thread.shutdown()

    async def run(self, function: Callable[[*Ts], R], *args: *Ts, stores: bool = False) -> R:
        """The function's result. There is one thread, so a read comes after every write that began before it."""
        try:
            return await asyncio.wrap_future(self._thread.submit(function, *args))
        except OSError as error:
            raise engine_unavailable(f"the file can't be used: {error}", outcome_known=not stores) from error

    async def _write(self, lines: Sequence[Line]) -> Sequence[Outcome]:
        return await self.run(self.log.append, lines, stores=True)


class LogPersistenceEngine(SessionEngine[Session]):
    """Keeps journals in one append-only file, which many processes can share.

    Args:
        source: The path of the file. It is made at the first use, in a folder that is there.
    """

    protocol_versions: ClassVar[tuple[int, ...]] = (1,)
    durability: ClassVar[str] = "fsync"

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self._path = Path(source)
        log, thread = Log(self._path), ThreadPoolExecutor(1, "nact log")  # of all sessions: another loop goes on there
        super().__init__(lambda: Session(log, thread))

    def __repr__(self) -> str:
        return f"LogPersistenceEngine({str(self._path)!r})"

    async def _session(self) -> Session:
        return self._life.ready() or await self._life.opened()

    # --- PersistenceEngine ---------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        check_key(key)
        check_window(after, limit)
        wanted = set(check_tags(tags))
        while limit is None or limit > 0:
            session = await self._session()  # again for each page: the engine may have been closed
            page = await session.run(session.log.read, key, after, PAGE if limit is None else min(limit, PAGE))
            for event in page:
                if event.sequence_number != after + 1 and not event.is_deleted:
                    raise CorruptJournalError("it is missing", key, after + 1)
                after = event.sequence_number
                if limit != 0 and wanted.issubset(event.tags):
                    limit = None if limit is None else limit - 1
                    yield event
            if not page:
                return

    async def persist(self, event: PersistedEvent) -> None:
        await self.persist_all([event])

    # --- abilities -----------------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        lines = [Line.of(events)] if events else []  # before anything is awaited: the caller's dicts may change then
        session = await self._session()
        for line in lines:
            await session.commits.submit(line, size=len(line.text))

    async def highest_sequence_number(self, key: str) -> int:
        check_key(key)
        session = await self._session()
        return await session.run(session.log.highest, key)

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        check_prefix(prefix)
        session = await self._session()
        for key in await session.run(session.log.keys, prefix):
            yield key


def engine_from_url(url: str) -> LogPersistenceEngine:
    """The engine for `log:///path/of/the/file`."""
    path = unquote(urlsplit(url).path)
    if not path:
        raise ValueError(f"{url!r} names no file: use log:///path")
    return LogPersistenceEngine(path)
