"""The contract between nact and a persistence engine: two methods, and abilities that an engine may add.

An engine implements `PersistenceEngine`. Everything else is an *ability*, a small Protocol of its own that nact finds
by `isinstance`; an engine written before an ability existed stays correct. What an engine promises by implementing
these is checked by the conformance kit (`nact-conformance`).

**Errors.** Engines raise the errors of `nact.errors` and nothing else, with the driver's error as `__cause__`.

**Cancellation.** A cancelled write is stored or not stored, never half; the engine stays usable and the next call
sees the truth. A cancelled read releases what it held.

**Lifecycle.** A constructor does no I/O. An engine opens itself at first use. One that also is an async context manager
is opened and closed by the actor system that it was given to.

**Arguments.** What isn't of the right type or in the right range raises `TypeError` or `ValueError`, before any I/O. An
event or snapshot that can't be stored exactly raises `InvalidEventError`.

**Metadata.** `metadata` of events and snapshots is stored exactly, like `data`, and can be read in the storage.

**Deletion.** `EventDeletion.delete_events(key, up_to=n)` removes the data of the events 1 to n for good. The last of
them remains as a *tombstone* (`is_deleted`, `data` None, no tags, no metadata): it says that the gap before it is
meant, and keeps the highest sequence number. `events` yields it like an event. Old journals may hold several deleted
events; each is yielded.

**Snapshots.** A snapshot's `event_id` names the event that it stands on, and is stored exactly, `None` included. A
tombstone keeps the `event_id` of the event in whose place it is, so that a snapshot of that event still counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from nact.persistence.records import PersistedEvent, PersistedSnapshot

PROTOCOL_VERSION = 1
"""Of this contract. It grows when what an engine must promise grows.

An engine may say which versions it keeps, as in `protocol_versions = (1, 2)`; one that says nothing speaks version 1.
nact refuses an engine that doesn't speak its version, and tells what to upgrade.
"""


@runtime_checkable
class PersistenceEngine(Protocol):
    """Stores events by key, and gives them back in order. The smallest thing that a third party implements."""

    def events(
        self, key: str, *, after: int = 0, limit: int | None = None, tags: Collection[str] = ()
    ) -> AsyncIterator[PersistedEvent]:
        """The events of `key` with sequence numbers above `after`, in order, none missing, none twice.

        Streams: memory doesn't grow with the journal, and no connection, lock or transaction is held while the
        consumer works between items. Never ends early: what interrupts it raises. A key that was never written
        has no events.

        Args:
            key: The persistence key.
            after: The sequence number to begin behind; 0 for the beginning.
            limit: At most so many events; `None` for all.
            tags: If given, only events that carry every one of them (tombstones carry none).

        Raises:
            TypeError, ValueError: `key`, `after`, `limit` or `tags` is invalid.
            EngineUnavailableError: The storage can't be reached, or went away in the middle.
            CorruptJournalError: A record can't be read, or sequence numbers are missing in between (not checked with
                `tags`). Says where.
            EngineClosedError: The engine was closed.
        """
        ...

    async def persist(self, event: PersistedEvent) -> None:
        """Stores the event. When this returns, it survives the death of the process, and of the storage's process.

        The sequence number must be the key's next one. The same event again (same key, number and `event_id`)
        succeeds and stores nothing. Concurrent calls, for one key or many, don't fail or delay each other.

        A tombstone (`is_deleted`), of any number, is accepted as the very first record of a key, and nowhere else: the
        copy of a journal whose beginning was deleted begins with one.

        Raises:
            InvalidEventError: The event can't be stored exactly. Nothing was stored.
            SequenceConflictError: The number isn't the next one; or it is a tombstone, and the key has a record
                already. Nothing was stored.
            EngineUnavailableError: Nothing was stored.
            OutcomeUnknownError: It may or may not have been stored. (An `EngineUnavailableError`, too.)
            EngineClosedError: The engine was closed. Nothing was stored.
        """
        ...


@runtime_checkable
class SnapshotStore(Protocol):
    """Keeps states of keys, so that recovery needn't replay everything."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        """The snapshot with the highest sequence number (not above `up_to`, if given), or `None`.

        Raises:
            CorruptJournalError: It can't be read. Its `sequence_number` says which one, so that the next
                older one can be asked for.
        """
        ...

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        """Stores the snapshot, durable on return. One of the same key and number is replaced; others stay."""
        ...

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        """Removes the snapshots of `key` with sequence numbers up to and including `up_to`."""
        ...


@runtime_checkable
class AtomicBatches(Protocol):
    """Stores several events of one key, all or nothing."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        """Stores all the events, or none of them, whatever happens. They have one key and consecutive numbers.

        A reader sees all of them or none.

        The same batch again succeeds and stores nothing. An empty batch does nothing. Raises what `persist` raises.
        """
        ...


@runtime_checkable
class EventDeletion(Protocol):
    """Removes events for good: retention, erasure."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        """Removes the data of the events of `key` up to and including `up_to`, or the last one if that is lower.

        A tombstone stays in place of the last one removed (see this module's text). Can be called again.
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
    """Lists what there is."""

    def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Every key that ever had an event and begins with `prefix`, each once, in any order. Streams like `events`."""
        ...


@runtime_checkable
class DurabilityLevel(Protocol):
    """Tells what an acknowledged write survives."""

    @property
    def durability(self) -> str:
        """What a write waits for before it is acknowledged, in the storage's own words, as in `synchronous=FULL`."""
        ...


@runtime_checkable
class ClosableEngine(PersistenceEngine, Protocol):
    """An engine that is closed in the end: with `async with`, or `aclose`. `engine_from_url` returns one."""

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes what the engine opened. Can be called again."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
