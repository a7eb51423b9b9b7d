"""An engine as the laws use it: every call has a time limit and goes into the history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar, cast

from nact.errors import NactError
from nact.persistence import (
    AtomicBatches,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistedEvent,
    PersistedSnapshot,
    PersistenceEngine,
    SnapshotStore,
)
from nact_conformance._trying.history import NUMBERS, BrokenLawError, History, name_numbers, name_result, short
from nact_conformance._trying.needs import Closable

T = TypeVar("T")


class Client:
    """One client of the storage: an engine, with a name for the history.

    It has the methods of every ability. A law calls only those of the abilities that it needs.

    Args:
        name: Its name in the history.
        engine: The engine.
        history: Takes notes of the calls.
        timeout: Seconds that a call may take.
    """

    def __init__(self, name: str, engine: PersistenceEngine, history: History, timeout: float) -> None:
        self.name = name
        self.engine = engine
        self.timeout = timeout
        self._history = history
        self._held = AsyncExitStack()
        self._closed = False

    # --- PersistenceEngine -------------------------------------------------------------------------------------

    async def persist(self, event: PersistedEvent) -> None:
        """Persists the event."""
        call = self.engine.persist(event)
        await self.call(f"persist {NUMBERS} of {short(event.key)}", call, str(event.sequence_number))

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> list[PersistedEvent]:
        """All events of the window."""
        given = {"after": after or None, "limit": limit, "tags": tags or None}
        words = "".join(f" {name}={short(value)}" for name, value in given.items() if value is not None)
        replay = self.engine.events(key, after=after, limit=limit, tags=tags)
        return await self.call(f"events of {short(key)}{words}", self._collect(replay))

    async def numbers(self, key: str, *, after: int = 0, limit: int | None = None) -> list[int]:
        """The sequence numbers of the window's events."""
        return [event.sequence_number for event in await self.events(key, after=after, limit=limit)]

    async def replay(self, key: str, *, after: int = 0) -> AsyncIterator[PersistedEvent]:
        """Begins a replay that the law reads step by step with `next`. The client closes it at the latest."""
        replay = self.engine.events(key, after=after)
        if hasattr(replay, "aclose"):
            await self._held.enter_async_context(aclosing(cast("Any", replay)))
        return replay

    async def next(self, replay: AsyncIterator[PersistedEvent]) -> PersistedEvent | None:
        """The replay's next event, `None` at its end."""
        return await self.call("next of a replay", anext(replay, None))

    async def break_off(self, replay: AsyncIterator[PersistedEvent]) -> None:
        """Ends a replay in the middle."""
        if hasattr(replay, "aclose"):
            await self.call("break off a replay", cast("Any", replay).aclose())

    async def rest(self, replay: AsyncIterator[PersistedEvent]) -> list[PersistedEvent]:
        """The rest of a replay."""
        return await self.call("rest of a replay", self._collect(replay))

    # --- abilities ---------------------------------------------------------------------------------------------

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """Persists the batch."""
        numbers = name_numbers([event.sequence_number for event in events])
        key = short(events[0].key) if events else "no key"
        call = cast("AtomicBatches", self.engine).persist_all(events)
        await self.call(f"persist_all {NUMBERS} of {key}", call, numbers)

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Deletes events."""
        call = cast("EventDeletion", self.engine).delete_events(key, up_to=up_to)
        await self.call(f"delete_events up to {NUMBERS} of {short(key)}", call, str(up_to))

    async def highest(self, key: str) -> int:
        """The highest sequence number."""
        call = cast("HighestSequenceNumber", self.engine).highest_sequence_number(key)
        return await self.call(f"highest_sequence_number of {short(key)}", call)

    async def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with `prefix`."""
        listing = cast("KeyListing", self.engine).keys(prefix=prefix)
        return await self.call(f"keys with prefix {short(prefix)}", self._collect(listing))

    async def listing(self, prefix: str) -> AsyncIterator[str]:
        """A listing that the law reads step by step."""
        async with aclosing(cast("Any", cast("KeyListing", self.engine).keys(prefix=prefix))) as listing:
            while (key := await self.call("next of a listing", anext(listing, None))) is not None:
                yield key

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        """The latest snapshot."""
        store = cast("SnapshotStore", self.engine)
        call = store.latest_snapshot(key) if up_to is None else store.latest_snapshot(key, up_to=up_to)
        words = "" if up_to is None else f" up to {up_to}"
        return await self.call(f"latest_snapshot of {short(key)}{words}", call)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot."""
        call = cast("SnapshotStore", self.engine).take_snapshot(snapshot)
        await self.call(f"take_snapshot {NUMBERS} of {short(snapshot.key)}", call, str(snapshot.sequence_number))

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        """Deletes snapshots."""
        call = cast("SnapshotStore", self.engine).delete_snapshots(key, up_to=up_to)
        await self.call(f"delete_snapshots up to {NUMBERS} of {short(key)}", call, str(up_to))

    async def aclose(self) -> None:
        """Closes the engine, if it can be closed, and the replays that were left open."""
        await self._held.aclose()
        if isinstance(self.engine, Closable):
            await self.call("aclose", self.engine.aclose())
        self._closed = True

    async def release(self) -> None:
        """Closes the engine, unless the law did so."""
        if not self._closed:
            await self.aclose()

    # --- how calls are made ------------------------------------------------------------------------------------

    async def call(self, words: str, awaitable: Awaitable[T], numbers: str = "") -> T:
        """Awaits the call with the time limit, and notes its end.

        Raises:
            BrokenLawError: If it neither returned nor raised in time, or raised an error that isn't in the contract.
        """
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                result = await awaitable
                await asyncio.sleep(0)  # an engine that never waits gives the others their turn too
        except BaseException as error:
            if limit.expired():
                self._history.add(self.name, words, numbers, "nothing")
                happened = f"{_told(words, numbers)}: it did neither within {self.timeout:g} s"
                raise BrokenLawError("every call returns or raises in the end", happened) from error
            self._history.add(self.name, words, numbers, f"{type(error).__name__}: {short(str(error), 300)}")
            if isinstance(error, Exception) and not isinstance(error, NactError | BrokenLawError):
                raise BrokenLawError(
                    "an engine raises the errors of nact.errors and nothing else, with the driver's error as cause",
                    f"{_told(words, numbers)} raised {type(error).__name__}: {error}",
                ) from error
            raise
        self._history.add(self.name, words, numbers, name_result(result))
        return result

    @staticmethod
    async def _collect(items: AsyncIterator[T]) -> list[T]:
        return [item async for item in items]


def _told(words: str, numbers: str) -> str:
    return words.replace(NUMBERS, numbers)
