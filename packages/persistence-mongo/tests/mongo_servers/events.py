"""Events, as tests write and read them."""

from __future__ import annotations

from typing import Any

from nact.persistence import PersistedEvent
from nact_persistence_mongo import MongoPersistenceEngine


def event(key: str, number: int, data: Any = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def numbers(engine: MongoPersistenceEngine, key: str, after: int = 0) -> list[int]:
    return [each.sequence_number async for each in engine.events(key, after=after)]
