"""Does what a handler orders for its own journal: `ctx.snapshot`, `ctx.forget_events` and `ctx.erase`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from nact.errors import PersistUsageError, SequenceConflictError
from nact.persistence._actor.catching_up import is_immutable
from nact.persistence._actor.commands import Commands
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.options import JournalOptions
from nact.persistence._actor.reading import closing_events
from nact.persistence._actor.snapshots import Snapshots, check_snapshot_readable, snapshot_of, store_snapshot
from nact.persistence.building import json_data
from nact.persistence.context import NOT_GIVEN, Persists, ReplayContext
from nact.persistence.engine import EventDeletion, SnapshotStore
from nact.persistence.records import PersistedSnapshot
from nact.references import NOBODY

if TYPE_CHECKING:
    from nact._actor.cell import Cell

A = TypeVar("A")


class KeptJournal(Protocol):
    """The part of an actor's journal that housekeeping reads and changes; see `Journal`."""

    has_persisted: bool
    out_of_sync: BaseException | None
    state_to_return: Any

    @property
    def key(self) -> str: ...

    @property
    def persistence(self) -> Persistence: ...

    @property
    def options(self) -> JournalOptions: ...

    @property
    def sequence_number(self) -> int: ...

    @property
    def event_id(self) -> str | None: ...

    @property
    def commands(self) -> Commands: ...

    @property
    def snapshots(self) -> Snapshots | None: ...

    @property
    def cell(self) -> Cell: ...

    @property
    def is_writing(self) -> bool: ...

    def writing_after(self, number: int, /) -> AbstractAsyncContextManager[None]: ...


def current_state(journal: KeptJournal, method: str, state: Any) -> Any:
    """The state after all events so far: the given one, if the message in progress has persisted some.

    Raises:
        PersistUsageError: It is missing, or not wanted, or there is no event that it could stand on.
    """
    if journal.is_writing:
        raise PersistUsageError(f"await what ctx.persist returned before ctx.{method}")
    if journal.sequence_number == 0:
        raise PersistUsageError(f"ctx.{method} needs an event: nothing was ever persisted under {journal.key!r}")
    if state is NOT_GIVEN and journal.has_persisted:
        raise PersistUsageError(f"this message has persisted events: ctx.{method}(state) needs the state after them")
    if state is not NOT_GIVEN and not journal.has_persisted and state is not journal.cell.state:
        raise PersistUsageError(
            f"this message has persisted nothing: ctx.{method}(state) takes no other state than the one that the "
            "handler was called with"
        )
    return journal.cell.state if state is NOT_GIVEN else state


class Housekeeping:
    """Takes a snapshot after the last event of one key, and deletes the past before it.

    The last event is the one at the time of the call: if another one is persisted before the work begins, the state
    isn't the one after it.
    """

    def __init__(self, journal: KeptJournal) -> None:
        self._journal = journal
        self._number = journal.sequence_number
        self._event_id = journal.event_id

    async def snapshot(self, state: Any) -> PersistedSnapshot:
        """Stores a snapshot of the state."""
        journal = self._journal
        async with journal.writing_after(self._number):
            self._require(SnapshotStore, "keeps no snapshots")
            snapshot = self._snapshot_of(state, journal.commands.metadata())
            await store_snapshot(journal.persistence, snapshot)
            if journal.snapshots is not None:
                journal.snapshots.note_stored(self._number)
            return snapshot

    async def forget_events(self, state: Any) -> None:
        """Stores a snapshot of the state, and deletes the events that it covers."""
        journal = self._journal
        async with journal.writing_after(self._number):
            self._check_abilities()
            snapshot = self._snapshot_of(state, journal.commands.metadata())
            try:
                await self._replace_events(snapshot)
            except SequenceConflictError as error:
                journal.out_of_sync = error
                raise
            if journal.snapshots is not None:
                journal.snapshots.note_stored(self._number)

    async def erase(self, state: Any) -> Any:
        """Stores a snapshot of the state that remains, deletes all the rest, and returns that state."""
        journal = self._journal
        state = await self._remaining(state)
        if self._number == 0:
            return state
        async with journal.writing_after(self._number):
            self._check_abilities()
            snapshot = self._snapshot_of(state, {})
            remaining = self._state_of(snapshot)
            journal.has_persisted = True  # the journal no longer holds what the cell's state stands on
            try:
                await self._replace_events(snapshot, older_snapshots=True)
            except BaseException as error:
                journal.out_of_sync = error  # the journal may hold the snapshot of `state`, or still everything
                raise
            journal.commands.forget()
            if journal.snapshots is not None:
                journal.snapshots.begin(self._number)
            journal.state_to_return = remaining
            return remaining

    async def _remaining(self, state: Any) -> Any:
        """The given state; or the one that the actor begins with, without anything that handlers have put into it."""
        journal, options = self._journal, self._journal.cell.options
        if state is not NOT_GIVEN:
            if self._number == 0:  # there is no event for a snapshot, so a restart would begin with another state
                raise PersistUsageError(f"ctx.erase(state) needs an event: nothing is stored for {journal.key!r}")
            return state
        if options.initial_state_func is not None:
            state = options.initial_state_func(ReplayContext(journal.cell, NOBODY, cast("Persists", journal)))
            return await state if hasattr(state, "__await__") else state
        if not is_immutable(options.initial_state):
            raise PersistUsageError(
                "handlers may have changed initial_state in place, so it may hold what is to be erased: give "
                "ctx.erase the state that remains, or spawn the actor with initial_state_func"
            )
        return options.initial_state

    def _snapshot_of(self, state: Any, metadata: Mapping[str, Any]) -> PersistedSnapshot:
        journal = self._journal
        return snapshot_of(journal.key, self._number, self._event_id, state, journal.options, metadata=metadata)

    def _state_of(self, snapshot: PersistedSnapshot) -> Any:
        """The state as a recovery gets it. It shares nothing with the one that the snapshot was made of."""
        data, decoder = json_data.decode(json_data.encode(snapshot.data)), self._journal.options.snapshot_decoder
        return data if decoder is None else decoder(data)

    def _check_abilities(self) -> None:
        self._require(SnapshotStore, "keeps no snapshots")
        self._require(EventDeletion, "can't delete events")

    def _require(self, ability: Callable[..., A], what: str) -> A:
        engine = self._journal.persistence.engine
        if not isinstance(engine, cast("type", ability)):
            raise PersistUsageError(f"{engine!r} {what}")
        return cast("A", engine)

    async def _replace_events(self, snapshot: PersistedSnapshot, *, older_snapshots: bool = False) -> None:
        """Stores the snapshot, and deletes what it replaces: events, and perhaps older snapshots.

        In this order a crash leaves an actor that starts.

        Raises:
            SequenceConflictError: The last event isn't the one that this actor knows. Nothing was changed.
        """
        persistence, key = self._journal.persistence, snapshot.key
        await self._check_is_last()
        await store_snapshot(persistence, snapshot)
        await check_snapshot_readable(persistence, self._journal.options, key, self._number)
        if older_snapshots:
            await cast("SnapshotStore", persistence.engine).delete_snapshots(key, up_to=self._number - 1)
        await cast("EventDeletion", persistence.engine).delete_events(key, up_to=self._number)

    async def _check_is_last(self) -> None:
        """Raises `SequenceConflictError` if another process has written to the key, or the storage lost events."""
        key, number = self._journal.key, self._number
        events = self._journal.persistence.engine.events(key, after=number - 1, limit=2)
        async with closing_events(events):
            found = [event async for event in events]
        is_known = bool(found) and found[0].sequence_number == number and self._event_id in {None, found[0].event_id}
        if not is_known or len(found) > 1:
            highest = found[-1].sequence_number if found else None
            raise SequenceConflictError(key, number + 1 if is_known else number, highest)
