"""`persistent_query`: folds the events of a key into a state, without the key's actor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar, Unpack, overload

from nact._actor.options import check_callable, check_names
from nact._runtime.observing import UNOBSERVED
from nact.durations import Duration, in_seconds
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.options import JournalOptions, ReadingOptions, journal_options
from nact.persistence._actor.reading import Reader, Start
from nact.persistence._actor.snapshots import log_snapshot_failure, snapshot_of, store_snapshot
from nact.persistence.actor import persistence_of
from nact.persistence.building.checks import check_key
from nact.persistence.building.errors import result_of
from nact.references import ActorRef

State = TypeVar("State")
Event = TypeVar("Event")
Event_contra = TypeVar("Event_contra", contravariant=True)


class AsyncFold(Protocol[State, Event_contra]):
    """An async fold."""

    def __call__(self, state: State, event: Event_contra, /) -> Awaitable[State]: ...


class SyncFold(Protocol[State, Event_contra]):
    """A fold that is a plain function."""

    def __call__(self, state: State, event: Event_contra, /) -> State: ...


@overload
def persistent_query(
    parent: ActorRef[Any],
    f: AsyncFold[State, Event],
    *,
    key: str,
    initial_state: State,
    snapshot_key: str | None = None,
    cache_duration: Duration | None = None,
    **options: Unpack[ReadingOptions[State, Event]],
) -> Callable[[], Awaitable[State]]: ...
@overload
def persistent_query(
    parent: ActorRef[Any],
    f: SyncFold[State, Event],
    *,
    key: str,
    initial_state: State,
    snapshot_key: str | None = None,
    cache_duration: Duration | None = None,
    **options: Unpack[ReadingOptions[State, Event]],
) -> Callable[[], Awaitable[State]]: ...
@overload
def persistent_query(
    parent: ActorRef[Any],
    f: Callable[[None, Event], Any],
    *,
    key: str,
    snapshot_key: str | None = None,
    cache_duration: Duration | None = None,
    **options: Unpack[ReadingOptions[Any, Event]],
) -> Callable[[], Awaitable[Any]]: ...
def persistent_query(
    parent: ActorRef[Any],
    f: Callable[[Any, Any], Any],
    *,
    key: str,
    initial_state: Any = None,
    snapshot_key: str | None = None,
    cache_duration: Duration | None = None,
    **options: Any,
) -> Callable[[], Awaitable[Any]]:
    """A function that folds the events of `key` into a state: `state = await query()`.

    It reads nothing before the first call. Each call reads only the events since the last one; concurrent calls share
    one read. A caller that is cancelled doesn't disturb the others. The state is the same object from call to call:
    don't change it.

    A call raises the errors of `PersistenceEngine.events`, `CorruptJournalError` if events that it needs were deleted,
    and the errors of `f`. It then forgets the state, and the next call starts again.

    Args:
        parent: The system whose persistence engine is used, or an actor of it.
        f: Makes the next state of a state and an event, sync or async.
        key: The persistence key.
        initial_state: The state before the first event. `f` must not change it in place.
        snapshot_key: The key under which snapshots of the state are kept. It must differ from `key`.
        cache_duration: The time after the last call when the state is forgotten: seconds, or a `timedelta`. By default
            it is kept.
        **options: See `ReadingOptions`. Snapshots need a `snapshot_key`.

    Raises:
        ActorStoppedError: The parent has stopped.
        TypeError, ValueError: An argument is invalid, or the system has no persistence engine.
    """
    if options:
        check_names("persistent_query", options, ReadingOptions.__annotations__)
    check_callable("f", f)
    check_key(key)
    persistence = persistence_of(parent)
    if snapshot_key is not None:
        check_key(snapshot_key)
        if snapshot_key == key:
            raise ValueError("snapshot_key must be a key of its own: the actor of the key keeps its snapshots there")
    elif options.get("snapshot_every") is not None:
        raise ValueError("snapshot_every needs a snapshot_key")
    checked = journal_options(persistence.engine, **options)
    cached_for = None if cache_duration is None else in_seconds(cache_duration, "cache_duration")
    return _Query(
        f, key, persistence, checked, initial_state=initial_state, snapshot_key=snapshot_key, cached_for=cached_for
    )


class _Query(Generic[State]):
    """The function that `persistent_query` returns."""

    def __init__(
        self,
        f: Callable[[Any, Any], Any],
        key: str,
        persistence: Persistence,
        options: JournalOptions,
        *,
        initial_state: Any,
        snapshot_key: str | None,
        cached_for: float | None,
    ) -> None:
        self._f = f
        self._key = key
        self._snapshot_key = snapshot_key
        self._initial_state = initial_state
        self._options = options
        self._persistence = persistence
        self._cached_for = cached_for
        self._reading: asyncio.Task[State] | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self._forget()

    async def __call__(self) -> State:
        if self._reading is None:
            if self._forgetting is not None:
                self._forgetting.cancel()
            self._reading = asyncio.create_task(self._read(), name=f"nact persistent query of {self._key!r}")
            self._reading.add_done_callback(self._has_read)
        return await result_of(self._reading)  # a caller that is cancelled doesn't end the read for the others

    def _forget(self) -> None:
        self._reader = Reader(self._persistence, self._key, self._snapshot_key, self._options)
        self._state = self._initial_state
        self._last_snapshot = 0

    def _has_read(self, reading: asyncio.Task[State]) -> None:
        self._reading = None
        if reading.cancelled() or reading.exception() is not None:
            self._forget()
        elif self._cached_for is not None:
            self._forgetting = reading.get_loop().call_later(self._cached_for, self._forget)

    async def _read(self) -> State:
        observer = self._persistence.observer
        with UNOBSERVED if observer is None else observer.reading(self._reader):
            await self._read_on()
        await self._take_snapshot()
        state: State = self._state
        return state

    async def _read_on(self) -> None:
        async with aclosing(self._reader.read()) as items:
            async for item in items:
                if isinstance(item, Start):
                    self._state = item.state if item.sequence_number else self._initial_state
                    self._last_snapshot = item.sequence_number
                    continue
                result = self._f(self._state, self._reader.decode(item))
                self._state = await result if hasattr(result, "__await__") else result

    async def _take_snapshot(self) -> None:
        every, position = self._options.snapshot_every, self._reader.position
        if every is None or self._snapshot_key is None or position - self._last_snapshot < every:
            return
        self._last_snapshot = position
        try:
            snapshot = snapshot_of(self._snapshot_key, position, self._reader.event_id, self._state, self._options)
            await store_snapshot(self._persistence, snapshot)
        except Exception as error:
            log_snapshot_failure(self._persistence, self._snapshot_key, position, error)
