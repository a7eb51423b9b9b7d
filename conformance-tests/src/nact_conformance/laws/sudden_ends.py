"""L, continued: engines that are closed in the middle of things, whose event loop ends, or whose process forks."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import warnings
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from nact.errors import EngineClosedError, NactError
from nact.persistence import PersistedSnapshot, PersistenceEngine
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError
from nact_conformance._trying.needs import Closable, Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law
from nact_conformance.laws.lifecycle import what_is_held

MOMENTS = 12
"""The number of passes of the event loop after which an engine is closed, at most."""


class SuddenEndLaws:
    """Work that is ended in the middle ends in good order."""

    @law("L-13", Need.CLOSING, Need.SECOND_CLIENT, guarantee=1)
    async def test_whatever_is_under_way_at_closing_is_done_or_told(self, trial: Trial) -> None:
        """At any moment, each call is done or raises EngineClosedError; what was told to be done is stored."""
        for passes in range(MOMENTS):
            client, key = await trial.another_client(), trial.key()
            await client.persist(event(key, 1))
            calls = {name: asyncio.ensure_future(call) for name, call in _calls(trial, client, key).items()}
            for _ in range(passes):
                await asyncio.sleep(0)
            await client.aclose()
            outcomes = dict(zip(calls, await trial.outcomes(calls.values()), strict=True))
            for name, outcome in outcomes.items():
                if isinstance(outcome, NactError):
                    promise = f"{name} that is under way at closing is done, or told EngineClosedError"
                    trial.expect(type(outcome), EngineClosedError, promise)
            await _expect_stored(trial, key, outcomes)

    @law("L-14", Need.CLOSING, Need.SECOND_CLIENT, guarantee=13)
    async def test_closing_while_it_opens_leaves_nothing_behind(self, trial: Trial) -> None:
        """A program that ends while it starts leaves no connection, thread or task of an engine half open."""
        await _close_while_opening(trial)
        held = [await what_is_held()]
        for _ in range(3):
            await _close_while_opening(trial)
            held.append(await what_is_held())
        for what in held[0]:
            growth = [after[what] - before[what] for before, after in pairwise(held)]
            promise = f"engines that are closed while they open leave no {what} behind, in one of three rounds"
            trial.expect_at_most(min(growth), 0, promise)

    @law("L-15", Need.SECOND_CLIENT, guarantee=13)
    async def test_a_second_event_loop_works_or_is_told_what_it_is(self, trial: Trial) -> None:
        """Scripts and tests run one loop after another: the engine works in the next, or raises EngineClosedError."""
        key = trial.key()
        second = _InTwoLoops(trial, key)
        await asyncio.to_thread(second.run)
        if second.kind is None:
            trial.expect(await trial.client.numbers(key), [1, 2], "what both loops stored is there")
        elif not issubclass(second.kind, EngineClosedError):
            promise = "an engine works in a second event loop, or EngineClosedError says that it is of another"
            raise BrokenLawError(promise, f"it raised {second.kind.__name__}: {second.text}")
        else:
            trial.history.note(f"(the second loop was told: {second.text})")

    @law("L-16", Need.OTHER_PROCESSES, Need.SECOND_CLIENT, guarantee=13)
    async def test_after_a_fork_an_engine_works_or_says_so_at_once(self, trial: Trial) -> None:
        """A child has its parent's sockets and none of its threads: it writes, or is told, but never waits."""
        if not hasattr(os, "fork"):
            return
        client, key = await trial.another_client(), trial.key()
        await client.persist(event(key, 1))
        told = await _forked(trial, client.engine, key)
        trial.expect_one_of(told, ("done", "EngineClosedError"), "in a child process, persist works or is refused")
        wanted = [1, 2] if told == "done" else [1]
        trial.expect(await trial.client.numbers(key), wanted, "what the child was told is true")
        number = len(wanted) + 1
        await client.persist(event(key, number))
        trial.expect((await client.numbers(key))[-1], number, "the parent goes on as before")


def _calls(trial: Trial, client: Client, key: str) -> dict[str, Awaitable[object]]:
    """A call of each kind, of keys of their own where one would see the other."""
    taken = PersistedSnapshot(key=key, sequence_number=1, data=1)
    batch = [event(f"{key}-batch", number) for number in (1, 2)]
    calls: dict[str, tuple[Need | None, Callable[[], Awaitable[object]]]] = {
        "persist": (None, lambda: client.persist(event(key, 2))),
        "events": (None, lambda: client.events(key)),
        "persist_all": (Need.BATCHES, lambda: client.persist_all(batch)),
        "take_snapshot": (Need.SNAPSHOTS, lambda: client.take_snapshot(taken)),
        "latest_snapshot": (Need.SNAPSHOTS, lambda: client.latest_snapshot(key)),
        "highest_sequence_number": (Need.HIGHEST, lambda: client.highest(key)),
        "keys": (Need.LISTING, lambda: client.keys(key)),
        "delete_events": (Need.DELETION, lambda: client.delete_events(f"{key}-none", up_to=1)),
    }
    return {name: call() for name, (need, call) in calls.items() if need is None or trial.offers(need)}


async def _expect_stored(trial: Trial, key: str, outcomes: dict[str, object]) -> None:
    numbers = await trial.client.numbers(key)
    trial.expect(numbers, [1] if outcomes["persist"] else [1, 2], "persist was told the truth at closing")
    if "persist_all" in outcomes:
        found = await trial.client.numbers(f"{key}-batch")
        trial.expect(found, [] if outcomes["persist_all"] else [1, 2], "persist_all was told the truth at closing")
    if "take_snapshot" in outcomes and outcomes["take_snapshot"] is None:
        latest = await trial.client.latest_snapshot(key)
        trial.expect(latest and latest.sequence_number, 1, "a snapshot that was taken at closing is stored")


async def _close_while_opening(trial: Trial) -> None:
    for passes in range(MOMENTS):
        client = await trial.another_client()
        opening = asyncio.ensure_future(client.persist(event(trial.key(), 1)))
        for _ in range(passes):
            await asyncio.sleep(0)
        await client.aclose()
        for outcome in await trial.outcomes([opening]):
            promise = "a call whose engine is closed while it opens is done, or told EngineClosedError"
            trial.expect_one_of(type(outcome), (type(None), EngineClosedError), promise)


class _InTwoLoops:
    """Uses one engine in two event loops, in a thread of its own."""

    def __init__(self, trial: Trial, key: str) -> None:
        self._suite = trial.suite
        self._timeout = trial.settings.timeout
        self._key = key
        self._engine: Any = None
        # Not the error itself: it would hold the engine, which complains later, in another law, that it was left open.
        self.kind: type[Exception] | None = TimeoutError
        self.text = "it neither returned nor raised"

    def run(self) -> None:
        thread = threading.Thread(target=self._go, daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was left open in the first loop says so when it is collected
            thread.start()
            thread.join(3 * self._timeout)
            self._engine = None
            gc.collect()

    def _go(self) -> None:
        try:
            asyncio.run(self._first())
            asyncio.run(self._second())
        except Exception as error:  # noqa: BLE001 (whatever it is, the law tells)
            self.kind, self.text = type(error), str(error)
        else:
            self.kind = None

    async def _first(self) -> None:
        made = self._suite.reopen()
        self._engine = await made if isinstance(made, Awaitable) else made
        await self._engine.persist(event(self._key, 1))

    async def _second(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._engine.persist(event(self._key, 2))
                async for _ in self._engine.events(self._key):
                    pass
        finally:
            if isinstance(self._engine, Closable):
                async with asyncio.timeout(self._timeout):
                    await self._engine.aclose()


async def _forked(trial: Trial, engine: PersistenceEngine, key: str) -> str:
    """The outcome of a persist with the parent's engine in a child process: `done`, or the name of an error."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks beside threads: that is what this is about
        child = os.fork()
    if child == 0:
        _live_as_a_child(engine, key, writer)
    os.close(writer)
    for _ in range(round(trial.settings.timeout / 0.02)):
        if os.waitpid(child, os.WNOHANG)[0]:  # noqa: ASYNC222 (it doesn't wait)
            break
        await asyncio.sleep(0.02)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)  # noqa: ASYNC222 (it is dead)
    with os.fdopen(reader, "rb") as answer:
        return answer.read().decode() or f"nothing for {trial.settings.timeout:g} s"


def _live_as_a_child(engine: PersistenceEngine, key: str, writer: int) -> None:
    told = "done"
    try:
        asyncio.run(_persisted(engine, key))
    except BaseException as error:  # noqa: BLE001 (the parent judges; here nothing of its may run)
        told = type(error).__name__
    finally:
        os.write(writer, told.encode())
        os._exit(0)


async def _persisted(engine: PersistenceEngine, key: str) -> None:
    await engine.persist(event(key, 2))
