"""The contract between nact and engines: methods, abilities, records. `building` has parts to make engines of."""

from nact.persistence.discovery import engine_from_url, require
from nact.persistence.engine import (
    PROTOCOL_VERSION,
    AtomicBatches,
    ClosableEngine,
    DurabilityLevel,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistenceEngine,
    SnapshotStore,
)
from nact.persistence.memory import MemoryPersistenceEngine, MemoryStorage
from nact.persistence.records import JsonValue, PersistedEvent, PersistedSnapshot

__all__ = [
    "PROTOCOL_VERSION",
    "AtomicBatches",
    "ClosableEngine",
    "DurabilityLevel",
    "EventDeletion",
    "HighestSequenceNumber",
    "JsonValue",
    "KeyListing",
    "MemoryPersistenceEngine",
    "MemoryStorage",
    "PersistedEvent",
    "PersistedSnapshot",
    "PersistenceEngine",
    "SnapshotStore",
    "engine_from_url",
    "require",
]
