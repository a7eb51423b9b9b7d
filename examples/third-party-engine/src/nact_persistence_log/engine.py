"""The engine: the contract's methods, done by one thread in the order in which they were called."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar
from urllib.parse import unquote, urlsplit

from nact.errors import EngineClosedError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact.persistence.building import json_data
from nact.persistence.building.checks import check_batch, check_key, check_tags, check_window
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact_persistence_log.log import Log

P = ParamSpec("P")
R = TypeVar("R")

PAGE = 500


class LogPersistenceEngine:
    """Keeps journals in one append-only file, which many processes can share.

    Args:
        path: The file. It is made at the first use, in a folder that is there.
    """

    def __init__(self, path: str | Path) -> None:
        self._log = Log(Path(path))
        self._commits = GroupCommit(self._write)
        self._thread: ThreadPoolExecutor | None = None
        self._process = 0  # that has the thread
        self._closed = False

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if self._thread is not None:
            warnings.warn(f"{self!r} was left open: use `async with`, or aclose()", ResourceWarning, stacklevel=1)

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the file. Can be called again."""
        self._closed = True
        if self._is_from_before_a_fork():
            self._thread = None  # it is the parent's
            return
        await self._commits.aclose()
        if self._thread is not None:
            thread, self._thread = self._thread, None
            thread.submit(self._log.close)
            thread.shutdown()

    # --- PersistenceEngine ---------------------------------------------------------------------------------------

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        check_key(key)
        check_window(after, limit)
        wanted = set(check_tags(tags))
        while limit is None or limit > 0:
            page = await self._run(self._log.read, key, after, PAGE if limit is None else min(limit, PAGE))
            for event in page:
                if limit != 0 and wanted.issubset(event.tags):
                    limit = None if limit is None else limit - 1
                    yield event
            if not page:
                return
            after = page[-1].sequence_number

    async def persist(self, event: PersistedEvent) -> None:
        await self.persist_all([event])

    # --- abilities -----------------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        self._check_open()
        check_batch(events)
        size = sum(len(json_data.encode(event.data)) for event in events)
        if events:
            await self._commits.submit(tuple(events), size=size)

    async def highest_sequence_number(self, key: str) -> int:
        return await self._run(self._log.highest, check_key(key))

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        for key in await self._run(self._log.keys, prefix):
            yield key

    # --- how it is done --------------------------------------------------------------------------------------------

    async def _write(self, batches: Sequence[Sequence[PersistedEvent]]) -> Sequence[Outcome]:
        return await self._in_thread(self._log.append, batches)

    async def _run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self._check_open()
        return await self._in_thread(function, *args, **kwargs)

    async def _in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns. There is one thread, so a read comes after every write that was begun before."""
        if self._thread is None:
            self._thread, self._process = ThreadPoolExecutor(1, "nact log"), os.getpid()
        try:
            return await asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))
        except OSError as error:
            raise OutcomeUnknownError(f"the file can't be used: {error}") from error

    def _check_open(self) -> None:
        if self._closed:
            raise EngineClosedError("this engine is closed; make a new one")
        if self._is_from_before_a_fork():
            raise EngineClosedError("this engine was used before a fork; make a new one")

    def _is_from_before_a_fork(self) -> bool:
        return self._thread is not None and self._process != os.getpid()


def engine_from_url(url: str) -> LogPersistenceEngine:
    """The engine for `log:///path/of/the/file`."""
    path = unquote(urlsplit(url).path)
    if not path:
        raise ValueError(f"{url!r} names no file: use log:///path")
    return LogPersistenceEngine(path)
