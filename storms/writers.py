"""A process of a storm: `python -m storms.writers write|read|recover URL LEDGER NAME SEED KEY...` works until SIGTERM.

One that writes spawns persistent actors, sends them events and stops them again, at random; one that reads asks
persistent queries; one that recovers tells what the
actors know, and ends. Everything goes into the side log before it counts.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from nact import (
    ActorRef,
    ActorSystem,
    Decision,
    EngineUnavailableError,
    NactError,
    OutcomeUnknownError,
    PersistentContext,
    Retention,
    SequenceConflictError,
    configure_persistence,
    dispatch,
    engine_from_url,
    persistent_query,
    query,
    spawn_persistent,
    start,
    stop,
)
from storms.folding import START, Data, State, fold, payload
from storms.ledger import Ledger

SNAPSHOT_EVERY = 10
DELETE = Retention(snapshots=2, delete_events=True)

KEPT = "kept"
"""How the names of keys end whose events aren't deleted: readers that come late can read those, too."""

PATIENCE = 60.0
"""Seconds for an answer: longer than the server is frozen, and than an engine tries again."""

_AT_ONCE = 4
"""Tasks of a process, each of which uses one key at a time."""

_STOPS = 0.03
"""How often an actor is stopped rather than used."""

_PAUSE = 0.01
"""Seconds after an error, or between the questions of a reader: the storm isn't about load."""


class Process:
    """Works on keys that it shares with other processes.

    Args:
        ledger: The side log.
        name: Of this process; it begins the nonces of its events.
        seed: Decides what it does.
        keys: What it works on.
    """

    def __init__(self, ledger: Ledger, name: str, seed: str, keys: Sequence[str]) -> None:
        self._ledger = ledger
        self._name = name
        self._keys = keys
        self._random = random.Random(seed)
        self._made = 0
        self._actors: dict[str, ActorRef[Any]] = {}
        self.ends = asyncio.Event()

    async def write(self, system: ActorSystem) -> None:
        """Sends events to actors, which it spawns and stops at random, until it is to end."""
        while not self.ends.is_set():
            key = self._random.choice(self._keys)
            try:
                await self._use(system, key)
            except NactError:
                await asyncio.sleep(_PAUSE)

    async def read(self, system: ActorSystem) -> None:
        """Asks persistent queries, some of which go on from where they were, until it is to end."""
        asks: dict[str, Callable[[], Awaitable[State]]] = {}
        while not self.ends.is_set():
            key = self._random.choice(self._keys)
            if key not in asks or self._random.random() < _STOPS:
                asks[key] = self._reader(system, key)
            try:
                self._ledger.answered(key, await asks[key]())
            except EngineUnavailableError:
                pass
            except Exception as error:  # noqa: BLE001 (whatever it is, the checker judges it)
                self._ledger.failed(key, error, reads_only=True)
            await asyncio.sleep(_PAUSE)

    def _reader(self, system: ActorSystem, key: str) -> Callable[[], Awaitable[State]]:
        """Some have snapshots of their own to go on from; the others must say so when they miss deleted events."""
        if self._random.random() < 1 / 2:
            return persistent_query(system, fold, key=key, initial_state=START)
        every = SNAPSHOT_EVERY
        return persistent_query(
            system, fold, key=key, initial_state=START, snapshot_key=f"{key} as read", snapshot_every=every
        )

    async def recover(self, system: ActorSystem) -> None:
        """Tells what an actor of each key knows when it is spawned: after the storm, it must know everything."""
        for key in self._keys:
            try:
                self._ledger.recovered(key, await query(self._spawn(system, key), None, timeout=PATIENCE))
            except NactError as error:
                self._ledger.unreadable(key, error)

    async def _use(self, system: ActorSystem, key: str) -> None:
        actor = self._actors.get(key)
        if actor is None or actor.is_stopped:
            actor = self._actors[key] = self._spawn(system, key)
        if self._random.random() < _STOPS:
            stop(actor)
            return
        self._made += 1
        await query(actor, payload(self._random, f"{self._name}:{self._made}"), timeout=PATIENCE)

    def _spawn(self, system: ActorSystem, key: str) -> ActorRef[Any]:
        return spawn_persistent(
            system,
            partial(self._handle, key),
            key=key,
            initial_state=START,
            snapshot_every=SNAPSHOT_EVERY,
            retention=None if key.endswith(KEPT) else DELETE,
            on_crash=partial(self._on_crash, key),
        )

    async def _handle(self, key: str, state: State, data: Data | None, ctx: PersistentContext[Any, Any]) -> State:
        if data is None:
            dispatch(ctx.sender, state)
            return state
        if ctx.recovering:
            return fold(state, data)
        after = await self._persist(key, state, data, ctx)
        dispatch(ctx.sender, after)
        return after

    async def _persist(self, key: str, state: State, data: Data, ctx: PersistentContext[Any, Any]) -> State:
        self._ledger.tries(key, data)
        try:
            event = await ctx.persist(data)
        except BaseException as error:
            is_known = isinstance(error, SequenceConflictError | EngineUnavailableError)
            is_known = is_known and not isinstance(error, OutcomeUnknownError)
            (self._ledger.refused if is_known else self._ledger.in_doubt)(key, data, error)
            raise
        after = fold(state, data)
        self._ledger.acknowledged(
            key, data, number=event.sequence_number, event_id=event.event_id, before=state, after=after
        )
        return after

    def _on_crash(self, key: str, _msg: object, error: Exception, *_others: object) -> Decision:
        if not isinstance(error, (SequenceConflictError, EngineUnavailableError)):
            self._ledger.failed(key, error)
        return Decision.STOP


async def work(task: str, url: str, process: Process) -> None:
    """Returns after SIGTERM, when everything that was begun is done."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.ends.set)
    async with AsyncExitStack() as stack:
        system = await _started(stack, url, process)
        if task == "read":
            await process.read(system)
        elif task == "recover":
            await process.recover(system)
        else:
            await asyncio.gather(*[process.write(system) for _ in range(_AT_ONCE)])


async def _started(stack: AsyncExitStack, url: str, process: Process) -> ActorSystem:
    """A system, as soon as the server can be reached: one that is frozen refuses to be opened."""
    while True:
        try:
            return await stack.enter_async_context(start(configure_persistence(engine_from_url(url))))
        except EngineUnavailableError:
            if process.ends.is_set():
                raise
            await asyncio.sleep(_PAUSE)


def main(arguments: Sequence[str]) -> None:
    """Works until SIGTERM."""
    task, url, path, name, seed, *keys = arguments
    logging.getLogger("nact").setLevel(logging.CRITICAL)  # conflicts and outages are what a storm is made of
    with Ledger(Path(path), name) as ledger:
        asyncio.run(work(task, url, Process(ledger, name, seed, keys)))


if __name__ == "__main__":
    main(sys.argv[1:])
