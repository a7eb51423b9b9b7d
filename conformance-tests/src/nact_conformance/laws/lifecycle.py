"""L: engines open by themselves, close in good order, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from nact.errors import EngineClosedError, NactError
from nact.persistence import PersistedSnapshot
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law
from nact_conformance.proxy import settle_proxies


class LifecycleLaws:
    """A constructor does no I/O; the first use opens; `aclose` ends everything that the engine began."""

    @law("L-01", Need.SECOND_CLIENT, guarantee=13)
    async def test_an_engine_can_be_made_where_no_event_loop_runs(self, trial: Trial) -> None:
        """Engines are made while a program is configured: a constructor does no I/O and needs no loop."""
        made = await asyncio.to_thread(trial.suite.reopen)
        client = await trial.adopt(made)
        key = trial.key()
        await client.persist(event(key, 1))
        trial.expect(await client.numbers(key), [1], "an engine made in a thread without a loop works in this loop")

    @law("L-02", Need.SECOND_CLIENT, guarantee=13)
    async def test_an_engine_opens_itself_at_its_first_use(self, trial: Trial) -> None:
        """Whatever comes first, a read or a write, opens: there is no setup to call."""
        key = trial.key()
        await trial.client.persist(event(key, 1))
        reader, writer = await trial.another_client(), await trial.another_client()
        trial.expect(await reader.numbers(key), [1], "a first call of events opens the engine")
        await writer.persist(event(key, 2))
        trial.expect(await reader.numbers(key), [1, 2], "a first call of persist opens the engine")

    @law("L-03", guarantee=13)
    async def test_a_first_use_by_many_at_once_opens_once(self, trial: Trial) -> None:
        """Hundreds of actors start at once on an engine that isn't open yet: they wait, and none fails."""
        keys = [trial.key() for _ in range(60)]
        reads = [trial.client.events(key) for key in keys[:20]]
        writes = [trial.client.persist(event(key, 1)) for key in keys]
        outcomes = await trial.outcomes([*reads, *writes])
        failed = [outcome for outcome in outcomes if isinstance(outcome, NactError)]
        trial.expect(failed, [], "eighty first calls at once all succeed")

    @law("L-04", Need.SECOND_CLIENT, guarantee=12)
    async def test_clients_that_open_at_once_all_open(self, trial: Trial) -> None:
        """Ten starters on a new storage each find or make what they need: creating it twice is no error."""
        key = trial.key()
        clients = [trial.client, *[await trial.another_client() for _ in range(9)]]
        outcomes = await trial.outcomes(client.events(key) for client in clients)
        trial.expect(outcomes, [[]] * 10, "ten clients that open at once all work")
        await trial.at_once(client.persist(event(trial.key(), 1)) for client in clients)

    @law("L-05", Need.CLOSING, guarantee=13)
    async def test_closing_can_be_repeated(self, trial: Trial) -> None:
        """`aclose` twice, at once, or before anything was opened: no error, and it returns."""
        await trial.client.persist(event(trial.key(), 1))
        await trial.at_once(trial.client.aclose() for _ in range(3))
        await trial.client.aclose()

    @law("L-06", Need.CLOSING, guarantee=13)
    async def test_an_engine_that_was_never_used_can_be_closed(self, trial: Trial) -> None:
        """A program may end before its first actor started. Closing opens nothing."""
        await trial.client.aclose()
        await trial.client.aclose()
        await _expect_closed(trial, trial.client)

    @law("L-07", Need.CLOSING, guarantee=13)
    async def test_a_closed_engine_says_so(self, trial: Trial) -> None:
        """Every call after `aclose` raises EngineClosedError: it doesn't hang, open again, or return nothing."""
        await trial.fill(trial.key(), 1)
        await trial.client.aclose()
        await _expect_closed(trial, trial.client)

    @law("L-08", Need.CLOSING, Need.SECOND_CLIENT, guarantee=1)
    async def test_closing_waits_for_writes_in_flight(self, trial: Trial) -> None:
        """Each write that was begun ends with an outcome, and what was acknowledged is stored."""
        for _ in range(trial.settings.rounds):
            client, key = await trial.another_client(), trial.key()
            keys = [trial.key() for _ in range(30)]
            await client.persist(event(key, 1))
            writes = [asyncio.ensure_future(client.persist(event(each, 1))) for each in keys]
            await asyncio.sleep(0)
            await client.aclose()
            outcomes = await trial.outcomes(writes)
            for each, outcome in zip(keys, outcomes, strict=True):
                allowed = (type(None), EngineClosedError)
                trial.expect_one_of(type(outcome), allowed, "a write in flight is stored, or refused as closed")
                stored = await trial.client.numbers(each)
                trial.expect(stored, [] if outcome else [1], "what was acknowledged is stored, and only that")

    @law("L-09", Need.CLOSING, Need.SECOND_CLIENT, guarantee=6)
    async def test_closing_one_client_leaves_the_others(self, trial: Trial) -> None:
        """A client closes what it opened itself, and nothing that others use."""
        key, other = trial.key(), await trial.another_client()
        await other.persist(event(key, 1))
        await trial.client.persist(event(key, 2))
        await trial.client.aclose()
        await other.persist(event(key, 3))
        trial.expect(await other.numbers(key), [1, 2, 3], "after one client was closed, the other works")

    @law("L-10", Need.CLOSING, guarantee=8)
    async def test_a_replay_does_not_end_early_when_its_engine_is_closed(self, trial: Trial) -> None:
        """A replay on an engine that is closed raises, or yields everything: it never just ends."""
        key, count = trial.key(), 1_500 if trial.offers(Need.BATCHES) else 300
        await trial.fill(key, count)
        replay = trial.client.engine.events(key)
        seen = [await anext(replay)]
        await trial.client.aclose()
        try:
            seen += await trial.client.rest(replay)
        except NactError:
            return
        trial.expect(len(seen), count, f"a replay that doesn't raise yields all {count} events")

    @law("L-11", Need.CLOSING, Need.SECOND_CLIENT, guarantee=13)
    async def test_closing_leaves_nothing_behind(self, trial: Trial) -> None:
        """No task, no thread, no open file or socket stays when an engine is closed."""
        before: dict[str, int] = {}
        for turn in range(8):
            client, key = await trial.another_client(), trial.key()
            await client.persist(event(key, 1))
            replay = await client.replay(key)
            await client.next(replay)
            await client.aclose()
            del client, replay
            if turn == 2:
                before = await what_is_held()
        after = await what_is_held()
        for what, count in before.items():
            trial.expect_at_most(after[what], count, f"engines that are closed leave no {what} behind")

    @law("L-12", Need.CLOSING, guarantee=13)
    async def test_leaving_the_context_closes(self, trial: Trial) -> None:
        """`async with` an engine gives the engine, and closes it, also when the body raises."""
        engine = trial.client.engine
        if not hasattr(engine, "__aenter__"):
            return
        try:
            async with engine as entered:  # type: ignore[attr-defined]
                trial.expect(entered, engine, "`async with engine as e` gives the engine itself")
                await trial.client.persist(event(trial.key(), 1))
                raise _LeftOnPurposeError
        except _LeftOnPurposeError:
            await _expect_closed(trial, trial.client)


class _LeftOnPurposeError(Exception):
    """Leaves a context."""


async def _expect_closed(trial: Trial, client: Client) -> None:
    key = trial.key()
    taken = PersistedSnapshot(key=key, sequence_number=1, data=1)
    calls: dict[str, tuple[Need | None, Callable[[], Awaitable[object]]]] = {
        "events": (None, lambda: client.events(key)),
        "persist": (None, lambda: client.persist(event(key, 1))),
        "persist_all": (Need.BATCHES, lambda: client.persist_all([event(key, 1), event(key, 2)])),
        "delete_events": (Need.DELETION, lambda: client.delete_events(key, up_to=1)),
        "highest_sequence_number": (Need.HIGHEST, lambda: client.highest(key)),
        "keys": (Need.LISTING, lambda: client.keys(key)),
        "latest_snapshot": (Need.SNAPSHOTS, lambda: client.latest_snapshot(key)),
        "take_snapshot": (Need.SNAPSHOTS, lambda: client.take_snapshot(taken)),
        "delete_snapshots": (Need.SNAPSHOTS, lambda: client.delete_snapshots(key, up_to=1)),
    }
    for name, (need, call) in calls.items():
        if need is None or trial.offers(need):
            await trial.refused(EngineClosedError, call(), f"{name} of a closed engine raises EngineClosedError")


async def what_is_held() -> dict[str, int]:
    """The numbers of tasks, threads, files and sockets that this process has."""
    for _ in range(3):  # what was closed goes away in the loop's next passes
        await asyncio.sleep(0)
    await asyncio.to_thread(settle_proxies)  # the kit's own ends of the connections that are closed
    return _held()


def _held() -> dict[str, int]:
    gc.collect()
    own_threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]  # the loop's
    held = {"tasks": len(asyncio.all_tasks()), "threads": len(own_threads)}
    descriptors = Path("/proc/self/fd")
    if descriptors.is_dir():
        held["files and sockets"] = len(list(descriptors.iterdir()))
    return held
