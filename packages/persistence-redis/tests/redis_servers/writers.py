"""Actors that write side by side, while something happens to their server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine


class Writers:
    """Each writes a journal of its own, one event after another.

    Args:
        actors: Their keys.
        count: How many events each has.

    Attributes:
        acknowledged: The number of each actor's last event that was.
        halfway: Is set when one of them has written half of its events, or one has failed.
        may_end: The first actor waits for it when it is halfway, so that not all of them are done before. Is set.
    """

    def __init__(self, actors: Sequence[str], count: int) -> None:
        self.acknowledged = dict.fromkeys(actors, 0)
        self.halfway, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()
        self._actors = actors
        self._count = count

    def start(self, engine: RedisPersistenceEngine) -> asyncio.Future[list[None]]:
        """What is done when all of them are."""
        writing = asyncio.gather(*[self._write(engine, actor) for actor in self._actors])
        writing.add_done_callback(lambda _: self.halfway.set())
        return writing

    async def check(self, engine: RedisPersistenceEngine) -> None:
        """Every journal has every event, once and in order."""
        for actor in self._actors:
            numbers = [event.sequence_number async for event in engine.events(actor)]
            assert numbers == list(range(1, self._count + 1))

    async def _write(self, engine: RedisPersistenceEngine, actor: str) -> None:
        for number in range(1, self._count + 1):
            await engine.persist(PersistedEvent(key=actor, sequence_number=number, data={"n": number}))
            self.acknowledged[actor] = number
            if number == self._count // 2:
                self.halfway.set()
                await self.may_end.wait() if actor == self._actors[0] else None
