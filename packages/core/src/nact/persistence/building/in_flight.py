"""Keeps track of the writes in progress, so that a read can wait for those whose callers were cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from nact.errors import EngineClosedError
from nact.persistence.building.errors import mark_retrieved, result_of

T = TypeVar("T")


class InFlight:
    """The writes in progress, by key.

    The contract says that the call after a cancelled write sees the truth. An engine that reads and writes over
    different connections keeps this promise if, before it reads a key, it waits for the key's writes.
    """

    def __init__(self) -> None:
        self._batches: dict[asyncio.Future[None], Collection[str]] = {}
        self._by_key: dict[str, set[asyncio.Future[Any]]] = {}
        self._is_closed = False

    async def settled(self, key: str | None = None) -> None:
        """Returns when the writes of the key, or of all keys, that are in progress now have ended."""
        if not self._batches and not self._by_key:
            return
        if key is None:
            await asyncio.wait(self._writes())
            return
        writes = [batch for batch, keys in self._batches.items() if key in keys]
        writes += self._by_key.get(key, ())
        if writes:
            await asyncio.wait(writes)

    async def aclose(self) -> None:
        """Refuses new writes, and returns when none is in progress."""
        self._is_closed = True
        while writes := self._writes():
            await asyncio.wait(writes)

    @contextmanager
    def batch(self, keys: Collection[str]) -> Iterator[None]:
        """Marks the keys as being written while the block runs."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._batches[done] = keys
        try:
            yield
        finally:
            del self._batches[done]
            done.set_result(None)

    async def finish(self, key: str, write: Coroutine[Any, Any, T]) -> T:
        """Runs the write, and returns its result. If the caller is cancelled, the write still goes on to its end.

        Raises:
            EngineClosedError: `aclose` was called: the write would use connections that are being closed.
        """
        if self._is_closed:
            write.close()
            raise EngineClosedError("the engine is closed; make a new one")
        task = asyncio.ensure_future(write)
        self._by_key.setdefault(key, set()).add(task)
        task.add_done_callback(lambda _: self._remove(key, task))
        task.add_done_callback(mark_retrieved)
        return await result_of(task)

    def _writes(self) -> list[asyncio.Future[Any]]:
        return [*self._batches, *(write for each in self._by_key.values() for write in each)]

    def _remove(self, key: str, write: asyncio.Future[Any]) -> None:
        writes = self._by_key[key]
        writes.discard(write)
        if not writes:
            del self._by_key[key]
