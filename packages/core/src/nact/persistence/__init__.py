"""What engines and their authors use: the contract, the records, and the tools to build an engine from."""

from nact.persistence.discovery import engine_from_url
from nact.persistence.engine import (
    PROTOCOL_VERSION,
    AtomicBatches,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistenceEngine,
    SnapshotStore,
)
from nact.persistence.group_commit import GroupCommit, Outcome
from nact.persistence.memory import MemoryPersistenceEngine, MemoryStorage
from nact.persistence.records import JsonValue, PersistedEvent, PersistedSnapshot

__all__ = [
    "PROTOCOL_VERSION",
    "AtomicBatches",
    "EventDeletion",
    "GroupCommit",
    "HighestSequenceNumber",
    "JsonValue",
    "KeyListing",
    "MemoryPersistenceEngine",
    "MemoryStorage",
    "Outcome",
    "PersistedEvent",
    "PersistedSnapshot",
    "PersistenceEngine",
    "SnapshotStore",
    "engine_from_url",
]
