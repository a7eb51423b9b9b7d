"""A writer at work while its server is killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent
from nact_conformance._faults.fault_helpers import inflict, server
from nact_conformance._trying.trial import Trial, event

MOST_REQUESTS = 40
"""The number of requests that reach the server before those that are held, at most."""

GRACE = 0.1
"""Seconds for an engine that doesn't wait for the server's answer to acknowledge what never reached it."""

PATIENCE = 2.0
"""Seconds within which an engine that is writing sends that number of requests."""


@dataclass(slots=True, eq=False)
class Writer:
    """Persists a key's events one after another, or in batches of `size`, until its server is killed.

    Attributes:
        stored: The acknowledged events.
    """

    trial: Trial
    key: str
    size: int = 1
    stored: list[PersistedEvent] = field(default_factory=list)
    _hold: int = 0
    _killed: bool = False
    _acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    async def killed_at_random(self) -> list[PersistedEvent]:
        """Kills the server at a random moment, and starts it again. Returns the events that come next.

        They were in flight and their outcome is unknown, or they weren't attempted yet.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        writing = await self._begin()
        await asyncio.sleep(max(1.0, 20 / self.size) * (loop.time() - began) * random.random())  # noqa: S311
        await inflict(self.trial, "the server is killed and started again", server(self.trial).restart)
        return await self._end(writing)

    async def killed_before_it_is_heard(self) -> list[PersistedEvent]:
        """Does the same, but some moments before the kill, requests no longer reach the server.

        The first that doesn't is one of the first forty; in a batch of forty it isn't the first, so that a batch which
        is sent in parts arrives in part. Whatever is acknowledged from then on is a promise that can't be kept.
        """
        storage = server(self.trial)
        self._hold = random.randint(2, MOST_REQUESTS)  # noqa: S311
        writing = await self._begin()
        await _either(writing, self._held())
        await inflict(self.trial, "requests are lost on their way, and the server is killed", storage.kill)
        storage.proxy.drop_requests()
        await inflict(self.trial, "the server is started again", storage.start)
        return await self._end(writing)

    async def _begin(self) -> asyncio.Task[list[PersistedEvent]]:
        """Starts a task that writes. Returns it when one write was acknowledged, or when it has ended."""
        self._killed = False
        self._acknowledged.clear()
        writing = asyncio.create_task(self._write())
        await _either(writing, self._acknowledged.wait())
        return writing

    async def _end(self, writing: asyncio.Task[list[PersistedEvent]]) -> list[PersistedEvent]:
        self._killed = True
        return await writing

    async def _write(self) -> list[PersistedEvent]:
        client = self.trial.client
        while True:
            first = len(self.stored) + 1
            events = [event(self.key, number) for number in range(first, first + self.size)]
            if self._killed:
                return events
            try:
                await (client.persist(events[0]) if self.size == 1 else client.persist_all(events))
            except EngineUnavailableError:
                return events
            self.stored.extend(events)
            self._acknowledged.set()
            if self._hold:
                server(self.trial).proxy.hold_requests(self._hold)
                self._hold = 0

    async def _held(self) -> None:
        """Returns some moments after a request was held."""
        loop, proxy = asyncio.get_running_loop(), server(self.trial).proxy
        give_up = loop.time() + PATIENCE
        while not proxy.is_holding and loop.time() < give_up:  # noqa: ASYNC110 (the proxy lives in another thread)
            await asyncio.sleep(0.005)
        await asyncio.sleep(GRACE)


async def _either(writing: asyncio.Task[list[PersistedEvent]], happens: Coroutine[Any, Any, object]) -> None:
    """Returns when the writer has ended or something happened."""
    happening = asyncio.create_task(happens)
    await asyncio.wait([writing, happening], return_when=asyncio.FIRST_COMPLETED)
    happening.cancel()
