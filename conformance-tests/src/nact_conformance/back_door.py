"""Raw access to what an engine stores, past the engine: how laws plant what a buggy or older writer would leave."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from nact.persistence import PersistedEvent


class BackDoor(Protocol):
    """Changes stored records without the engine under test. Written by the engine's author, for tests only.

    The records were stored by an engine before; engines read them again afterwards. The methods may be called while a
    client is open.
    """

    async def remove_event(self, key: str, sequence_number: int) -> None:
        """Removes the record of this event, and nothing else: it leaves a gap."""
        ...

    async def garble_event(self, key: str, sequence_number: int) -> None:
        """Makes the record of this event unreadable, as a half-written text is."""
        ...

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        """Makes the record of this snapshot unreadable."""
        ...

    async def plant_event(self, event: PersistedEvent) -> None:
        """Stores this record as an older writer would, without any check. It may be a tombstone."""
        ...


@runtime_checkable
class EmptyingBackDoor(BackDoor, Protocol):
    """A back door that also takes everything away, while engines are open."""

    async def empty(self) -> None:
        """Removes all events and snapshots of all keys, and leaves what holds them: TRUNCATE, say, or FLUSHDB."""
        ...

    async def drop(self) -> None:
        """Removes all of it and what holds it: the tables, the collections. Where nothing does, it is `empty`."""
        ...


@runtime_checkable
class MetadataBackDoor(BackDoor, Protocol):
    """A back door that also reaches the metadata of events."""

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        """Makes the metadata of this event unreadable, and leaves its data as it is."""
        ...

    async def holds(self, text: str) -> bool:
        """Returns True if any record holds this text, in any field of any table, collection or key."""
        ...
