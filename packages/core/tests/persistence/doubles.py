"""The actor, the policy and the engines that the tests of this folder share."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from nact import ActorRef, CorruptJournalError, CrashContext, Decision, PersistentContext, dispatch, query
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedEvent, PersistedSnapshot

PATIENCE = 10.0
"""Seconds until a test that hangs fails."""

GET = "get"


async def collect(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
    """A handler: persists what it is sent and keeps it in a list. Answers with the list; to `GET` it just answers."""
    if msg != GET:
        if not ctx.recovering:
            await ctx.persist(msg)
        state = [*state, msg]
    dispatch(ctx.sender, state)
    return state


async def ask(ref: ActorRef[Any], msg: Any = GET) -> Any:
    """The actor's answer."""
    return await query(ref, msg, PATIENCE)


async def stored(engine: MemoryPersistenceEngine, key: str) -> list[PersistedEvent]:
    """The journal of `key`."""
    return [event async for event in engine.events(key)]


async def contents(engine: MemoryPersistenceEngine, key: str) -> list[tuple[int, Any]]:
    """The journal of `key`, as numbers and data."""
    return [(event.sequence_number, event.data) for event in await stored(engine, key)]


async def write(engine: MemoryPersistenceEngine, key: str, *data: Any, after: int = 0) -> None:
    """Puts a journal there, as an earlier run would have left it."""
    for number, item in enumerate(data, after + 1):
        await engine.persist(PersistedEvent(key=key, sequence_number=number, data=item))


class Judge:
    """A supervision policy that always decides the same. It gathers the faults that it was asked about."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        self.faults: asyncio.Queue[tuple[Any, Exception]] = asyncio.Queue()

    def __call__(
        self, msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        self.faults.put_nowait((msg, error))
        return self._decision

    async def fault(self) -> tuple[Any, Exception]:
        """The next fault, as message and error."""
        return await asyncio.wait_for(self.faults.get(), PATIENCE)


def same(value: Any) -> Any:
    """One half of a codec that does nothing."""
    return value


class Gate:
    """Where calls can be held up. Open, until it is shut."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._opened.set()
        self._arrivals: asyncio.Queue[None] = asyncio.Queue()
        self.passing = 0

    def shut(self) -> None:
        self._opened.clear()

    def open(self) -> None:
        self._opened.set()

    async def arrival(self) -> None:
        """Returns when the next call has come to the gate."""
        await asyncio.wait_for(self._arrivals.get(), PATIENCE)

    async def passed(self) -> None:
        self._arrivals.put_nowait(None)
        self.passing += 1
        try:
            await self._opened.wait()
        finally:
            self.passing -= 1


class RiggedEngine(MemoryPersistenceEngine):
    """The in-memory engine, which fails when it is told to, and can be held up."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        super().__init__(storage)
        self.before_write = Gate()
        self.before_acknowledgement = Gate()
        self.before_read = Gate()
        self.before_snapshot = Gate()
        self.unreadable_snapshots: set[int] = set()
        self.read_faults: deque[Exception] = deque()
        self.snapshot_faults: deque[Exception] = deque()
        self.retention_faults: deque[Exception] = deque()
        self.open_reads = 0
        self._write_faults: deque[tuple[BaseException, bool]] = deque()

    def fail_write(self, error: BaseException, *, stored: bool = False) -> None:
        """The next write raises `error`, after it has been stored or without."""
        self._write_faults.append((error, stored))

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        await self.before_write.passed()
        error, stores = self._write_faults.popleft() if self._write_faults else (None, True)
        if stores:
            await super().persist_all(events)
        await self.before_acknowledgement.passed()
        if error is not None:
            raise error

    async def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        self.open_reads += 1
        try:
            await self.before_read.passed()
            async for event in super().events(key, after=after, limit=limit, tags=tags):
                yield event
            if self.read_faults:
                raise self.read_faults.popleft()
        finally:
            await asyncio.sleep(0)  # as giving back a connection does
            self.open_reads -= 1

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        found = await super().latest_snapshot(key, up_to=up_to)
        if found is not None and found.sequence_number in self.unreadable_snapshots:
            raise CorruptJournalError("a snapshot is damaged", key, found.sequence_number)
        return found

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await self.before_snapshot.passed()
        if self.snapshot_faults:
            raise self.snapshot_faults.popleft()
        await super().take_snapshot(snapshot)

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        if self.retention_faults:
            raise self.retention_faults.popleft()
        await super().delete_snapshots(key, up_to=up_to)


class Scripted(RiggedEngine):
    """Gives back what it is told to, whatever its storage holds."""

    def __init__(self, *journal: PersistedEvent) -> None:
        super().__init__()
        self.journal = list(journal)

    async def events(self, key: str, *, after: int = 0, **_: Any) -> Any:
        for event in self.journal:
            if event.sequence_number > after:
                yield event

    async def highest_sequence_number(self, key: str) -> int:
        return self.journal[-1].sequence_number if self.journal else 0


def scripted_event(number: int, *, deleted: bool = False) -> PersistedEvent:
    return PersistedEvent(key="k", sequence_number=number, data=None if deleted else number, is_deleted=deleted)


class JournalOnly:
    """The smallest engine: the contract without any ability."""

    def __init__(self) -> None:
        self.inner = MemoryPersistenceEngine()

    def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        return Plain(self.inner.events(key, after=after, limit=limit, tags=tags))

    async def persist(self, event: PersistedEvent) -> None:
        await self.inner.persist(event)


class Plain:
    """An async iterator that isn't a generator: it has no `aclose`."""

    def __init__(self, inner: AsyncIterator[PersistedEvent]) -> None:
        self._inner = inner

    def __aiter__(self) -> "Plain":
        return self

    async def __anext__(self) -> PersistedEvent:
        return await anext(self._inner)
