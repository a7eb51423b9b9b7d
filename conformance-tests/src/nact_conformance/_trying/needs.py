"""The needs of laws: abilities of the engine, and tools that only its author can give."""

from __future__ import annotations

from enum import Enum
from typing import Protocol, runtime_checkable

from nact.persistence import (
    AtomicBatches,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistenceEngine,
    SnapshotStore,
)
from nact_conformance.author import EngineUnderTest
from nact_conformance.back_door import EmptyingBackDoor, MetadataBackDoor
from nact_conformance.storage import RefusingStorage, ServerStorage


@runtime_checkable
class Closable(Protocol):
    """An engine that can be closed. An engine that holds no resources needn't be."""

    async def aclose(self) -> None:
        """Closes the engine, after the writes in flight. Can be called again."""
        ...


class Need(Enum):
    """A condition for a law to be tried. The value is its name in reports."""

    # Abilities of the engine, found by isinstance.
    BATCHES = "AtomicBatches"
    DELETION = "EventDeletion"
    HIGHEST = "HighestSequenceNumber"
    LISTING = "KeyListing"
    SNAPSHOTS = "SnapshotStore"
    CLOSING = "aclose"
    # Given by the engine's author. Laws of every engine need these, so without them no verdict is given.
    SECOND_CLIENT = "a second client: give `reopen`"
    OTHER_PROCESSES = "a URL for other processes: give `url`"
    # Given by the engine's author where it makes sense.
    SERVER = "a server that can be killed and cut off: give a `ServerStorage`"
    REFUSING = "a server that can refuse reads: give a `RefusingStorage`"
    EMPTYING = "a storage that can be emptied: give an `EmptyingBackDoor`"
    BACK_DOOR = "raw access to the storage: give `back_door`"
    METADATA_BACK_DOOR = "raw access to metadata: give a `MetadataBackDoor`"
    ROUND_TRIPS = "a count of round trips: give `round_trips`"


ABILITIES: dict[Need, type] = {
    Need.BATCHES: AtomicBatches,
    Need.DELETION: EventDeletion,
    Need.HIGHEST: HighestSequenceNumber,
    Need.LISTING: KeyListing,
    Need.SNAPSHOTS: SnapshotStore,
    Need.CLOSING: Closable,
}

EXPECTED_OF_AUTHORS = frozenset({Need.SECOND_CLIENT, Need.OTHER_PROCESSES})


def offers(engine: PersistenceEngine, need: Need) -> bool:
    """Returns True if the engine has the ability."""
    return isinstance(engine, ABILITIES[need])


def gives(author: EngineUnderTest, need: Need) -> bool:
    """Returns True if the engine's author gave this."""
    kind = type(author)
    door, storage = author.back_door(), author.storage()
    found: dict[Need, bool] = {
        Need.SECOND_CLIENT: kind.reopen is not EngineUnderTest.reopen or storage is not None,
        Need.OTHER_PROCESSES: storage is not None,
        Need.SERVER: isinstance(storage, ServerStorage),
        Need.REFUSING: isinstance(storage, RefusingStorage),
        Need.BACK_DOOR: door is not None,
        Need.EMPTYING: isinstance(door, EmptyingBackDoor),
        Need.METADATA_BACK_DOOR: isinstance(door, MetadataBackDoor),
        Need.ROUND_TRIPS: kind.round_trips is not EngineUnderTest.round_trips,
    }
    return found[need]
