"""The contract between nact and a persistence engine: two methods, and abilities that an engine may add.

An engine implements `PersistenceEngine`. Everything else is an *ability*, a small Protocol of its own that nact finds
by `isinstance`; an engine written before an ability existed stays correct. The conformance kit (`nact-conformance`)
checks the promises that an engine makes by implementing these.

**Errors.** Engines raise the errors of `nact.errors` and nothing else, with the driver's error as `__cause__`.

**Cancellation.** A cancelled write is stored or not stored, never half; the engine stays usable and the next call
sees the truth. A cancelled read releases what it held.

**Lifecycle.** A constructor does no I/O. An engine opens itself at its first use. If it is an async context manager,
too, the actor system that it was given to opens and closes it.

**Arguments.** An argument of the wrong type or range raises `TypeError` or `ValueError`, before any I/O. An event or a
snapshot that can't be stored exactly raises `InvalidEventError`.

**Metadata.** The engine stores the `metadata` of events and snapshots exactly, like `data`, in a form that can be read
in the storage.

**Deletion.** `EventDeletion.delete_events(key, up_to=n)` removes the data of the events 1 to n for good. The last of
them remains as a *tombstone* (`is_deleted`, `data` None, no tags, no metadata): it marks the gap before it as
intended, and keeps the highest sequence number. `events` yields it like an event. Old journals may hold several
deleted events; `events` yields each of them.

**Snapshots.** A snapshot's `event_id` names the event that it stands on: the last one that its state includes. The
engine stores it exactly, `None` included. A tombstone keeps the `event_id` of the event that it replaces, so that a
snapshot of that event is still used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from nact.persistence.records import PersistedEvent, PersistedSnapshot

PROTOCOL_VERSION = 1
"""The version of this contract. It grows when engines have to promise more.

An engine may declare the versions that it speaks, as in `protocol_versions = (1, 2)`; one that declares none speaks
version 1. nact refuses an engine that doesn't speak its version, and names the package to upgrade.
"""


@runtime_checkable
class PersistenceEngine(Protocol):
    """Stores events by key, and returns them in order. These two methods are all that an engine has to implement."""

    def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        """The events of `key` with sequence numbers above `after`, in order, none missing, none twice.

        The events are streamed: memory doesn't grow with the journal, and no connection, lock or transaction is held
        while the consumer works between items. The stream never ends early: an interruption raises. A key that was
        never written has no events.

        Args:
            key: The persistence key.
            after: The sequence number before the first event wanted; 0 for the beginning.
            limit: The highest number of events; `None` for all.
            tags: If given, only events that carry all of these tags are returned (tombstones carry none).

        Raises:
            TypeError, ValueError: `key`, `after`, `limit` or `tags` is invalid.
            EngineUnavailableError: The storage can't be reached, or went away in the middle.
            CorruptJournalError: A record can't be read, or sequence numbers are missing in between (not checked with
                `tags`). The error says where.
            EngineClosedError: The engine was closed.
        """
        ...

    async def persist(self, event: PersistedEvent) -> None:
        """Stores the event. When this returns, it survives the death of the process, and of the storage's process.

        The sequence number must be the key's next one. Persisting the same event again (same key, number and
        `event_id`) succeeds and stores nothing. Concurrent calls, for one key or many, don't fail or delay each other.

        A tombstone (`is_deleted`), of any number, is accepted as the very first record of a key, and nowhere else: the
        copy of a journal whose beginning was deleted begins with one.

        Raises:
            InvalidEventError: The event can't be stored exactly. Nothing was stored.
            SequenceConflictError: The number isn't the next one; or it is a tombstone, and the key has a record
                already. Nothing was stored.
            EngineUnavailableError: The storage can't be reached. Nothing was stored.
            OutcomeUnknownError: The event may or may not have been stored. (A subclass of `EngineUnavailableError`.)
            EngineClosedError: The engine was closed. Nothing was stored.
        """
        ...


@runtime_checkable
class SnapshotStore(Protocol):
    """Keeps snapshots of states, so that a recovery doesn't have to replay all events."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        """The snapshot with the highest sequence number (not above `up_to`, if given), or `None`.

        Raises:
            CorruptJournalError: The snapshot can't be read. The error's `sequence_number` tells which one, so that the
                caller can ask for the next older one.
        """
        ...

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot, durable on return. It replaces one of the same key and number; others stay."""
        ...

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        """Removes the snapshots of `key` with sequence numbers up to and including `up_to`."""
        ...


@runtime_checkable
class AtomicBatches(Protocol):
    """Stores several events of one key, all or nothing."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """Stores all the events, or none of them, whatever happens. They have one key and consecutive numbers.

        A reader sees all of them or none. Persisting the same batch again succeeds and stores nothing. An empty batch
        does nothing. Raises the same errors as `persist`.
        """
        ...


@runtime_checkable
class EventDeletion(Protocol):
    """Removes events for good: retention, erasure."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Removes the data of the events of `key` up to and including `up_to`, or the last one if that is lower.

        A tombstone takes the place of the last event removed (see **Deletion** above). Can be called again.
        """
        ...


@runtime_checkable
class HighestSequenceNumber(Protocol):
    """Tells how far a key's journal goes."""

    async def highest_sequence_number(self, key: str) -> int:
        """The highest sequence number that `key` ever had, deleted events included; 0 if it never had one."""
        ...


@runtime_checkable
class KeyListing(Protocol):
    """Lists the keys of the storage."""

    def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Every key that ever had an event and begins with `prefix`, once each, in any order. Streams like `events`."""
        ...


@runtime_checkable
class DurabilityLevel(Protocol):
    """Tells which failures an acknowledged write survives."""

    @property
    def durability(self) -> str:
        """The storage's own setting that decides when a write is acknowledged, as in `synchronous=FULL`."""
        ...


@runtime_checkable
class ClosableEngine(PersistenceEngine, Protocol):
    """An engine that can be closed, by `async with` or `aclose`. `engine_from_url` returns one."""

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the engine's connections. Can be called again."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
