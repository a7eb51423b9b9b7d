"""Saboteurs of snapshots."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from nact.errors import CorruptJournalError
from nact.persistence import MemoryPersistenceEngine, MemoryStorage, PersistedSnapshot
from saboteurs.sabotage import caught_by

Found = PersistedSnapshot | None


@caught_by("S-01")
class RaisesWithoutASnapshot(MemoryPersistenceEngine):
    """Takes a key without snapshots for a damaged one."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        found = await super().latest_snapshot(key, up_to=up_to)
        if found is None:
            raise CorruptJournalError("no snapshot", key)
        return found


@caught_by("S-02")
class ReadsTheClock(MemoryPersistenceEngine):
    """Gives a snapshot the time at which it is read."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        found = await super().latest_snapshot(key, up_to=up_to)
        return found and PersistedSnapshot(key=key, sequence_number=found.sequence_number, data=found.data)


@caught_by("S-03", "S-15")
class KeepsTheLastOneTaken(MemoryPersistenceEngine):
    """Takes the snapshot that was taken last for the latest."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(snapshot)
        kept = self._storage.snapshots[snapshot.key]
        for number in [number for number in kept if number > snapshot.sequence_number]:
            del kept[number]


@caught_by("S-04")
class KeepsTheFirstOfANumber(MemoryPersistenceEngine):
    """Ignores a snapshot of a number that it has."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        if snapshot.sequence_number not in self._storage.snapshots.get(snapshot.key, {}):
            await super().take_snapshot(snapshot)


@caught_by("S-05")
class IgnoresTheBound(MemoryPersistenceEngine):
    """Gives the latest of all, whatever was asked for."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        return await super().latest_snapshot(key)


@caught_by("S-06")
class DeletesBelowTheBound(MemoryPersistenceEngine):
    """Leaves the snapshot at the bound."""

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        await super().delete_snapshots(key, up_to=up_to - 1)


@caught_by("S-08")
class DeletesTheEventsToo(MemoryPersistenceEngine):
    """Deletes the events that went into a snapshot with it."""

    async def delete_snapshots(self, key: str, *, up_to: int) -> None:
        await super().delete_snapshots(key, up_to=up_to)
        await self.delete_events(key, up_to=up_to)


@caught_by("S-09")
class DeletesTheSnapshotsToo(MemoryPersistenceEngine):
    """Deletes snapshots with the events that went into them."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        await super().delete_events(key, up_to=up_to)
        await self.delete_snapshots(key, up_to=up_to)


@caught_by("S-10")
class StoresTheStateOfTheSnapshotBefore(MemoryPersistenceEngine):
    """Gives each snapshot but the first the data of the one before it."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._before: dict[str, Any] = {}

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        data = self._before.get(snapshot.key, snapshot.data)
        self._before[snapshot.key] = snapshot.data
        await super().take_snapshot(msgspec.structs.replace(snapshot, data=data))


@caught_by("S-11")
class KeepsTheLivingState(MemoryPersistenceEngine):
    """Gives back the very object that it was given."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._states: dict[tuple[str, int], Any] = {}

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(snapshot)
        self._states[snapshot.key, snapshot.sequence_number] = snapshot.data

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        found = await super().latest_snapshot(key, up_to=up_to)
        return found and msgspec.structs.replace(found, data=self._states[key, found.sequence_number])


@caught_by("S-13")
class KeepsSnapshotsToItself(MemoryPersistenceEngine):
    """Has its snapshots in a cache that no other client sees."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._own = MemoryPersistenceEngine()
        self.take_snapshot = self._own.take_snapshot  # type: ignore[method-assign]
        self.latest_snapshot = self._own.latest_snapshot  # type: ignore[method-assign]


@caught_by("S-14")
class LosesLargeSnapshots(MemoryPersistenceEngine):
    """Keeps the snapshot that it has, if the new one has more than a megabyte."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        if len(msgspec.json.encode(snapshot.data)) < 1_500_000:
            await super().take_snapshot(snapshot)


@caught_by("S-15")
class OrdersSnapshotsByFloats(MemoryPersistenceEngine):
    """Has scores of 64-bit floats, which don't tell 2**53 + 1 from 2**53."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        kept = self._storage.snapshots.get(snapshot.key, {})
        for number in [number for number in kept if float(number) == float(snapshot.sequence_number)]:
            del kept[number]
        await super().take_snapshot(snapshot)


@caught_by("S-16")
class TakesOneSnapshotAtATime(MemoryPersistenceEngine):
    """Drops a snapshot while it is busy with another."""

    _busy = False

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        if not self._busy:
            self._busy = True
            await asyncio.sleep(0)
            self._busy = False
            await super().take_snapshot(snapshot)


@caught_by("S-17")
class ForgetsTheEventOfASnapshot(MemoryPersistenceEngine):
    """Stores key, number, data and time of a snapshot, and nothing else."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        await super().take_snapshot(msgspec.structs.replace(snapshot, event_id=None))


@caught_by("S-18")
class KeepsTheEventOfTheFirst(MemoryPersistenceEngine):
    """Replaces data and time of a snapshot whose number it has, but not the id of its event."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        kept = self._storage.snapshots.get(snapshot.key, {}).get(snapshot.sequence_number)
        identity = snapshot.event_id if kept is None else kept.event_id
        await super().take_snapshot(msgspec.structs.replace(snapshot, event_id=identity))


@caught_by("S-19")
class FindsNoSnapshotBelowALargeBound(MemoryPersistenceEngine):
    """Takes a bound as 64 bits with a sign, so that a large one is negative."""

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> Found:
        is_large = up_to is not None and up_to >= 2**63
        return await super().latest_snapshot(key, up_to=-1 if is_large else up_to)
