"""F: the server dies, freezes or can't be reached, and acknowledgements are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.client import Client
from nact_conformance.history import BrokenLawError, NotTriedError
from nact_conformance.law import law
from nact_conformance.needs import Need
from nact_conformance.storage import ServerStorage
from nact_conformance.trial import Trial, event

T = TypeVar("T")

MOST_EXCHANGES = 40
"""A call with more exchanges than this is tried at the first so many."""

PAUSE = 0.1
"""Seconds between two attempts."""


class FaultLaws:
    """A fault ends in success or `EngineUnavailableError`; afterwards the same client works, and nothing is lost."""

    @law("F-01", Need.SERVER, guarantee=4)
    async def test_a_lost_acknowledgement_is_no_conflict(self, trial: Trial) -> None:
        """The event was stored and its answer lost: the same event again succeeds, and is stored once."""
        key = trial.key()
        stored: list[PersistedEvent] = []
        for exchange in range(1, MOST_EXCHANGES):
            stored.append(event(key, len(stored) + 1))
            _server(trial).proxy.lose_reply(exchange)
            await _unless_unavailable(trial.client.persist(stored[-1]))
            if _disarm(trial):
                break
            await _when_available(trial, lambda: trial.client.persist(stored[-1]))
            promise = f"after reply {exchange} of persist was lost, the same event again is stored once"
            await trial.expect_journal(key, stored, promise)

    @law("F-02", Need.SERVER, guarantee=4)
    async def test_a_lost_request_can_be_repeated(self, trial: Trial) -> None:
        """The server never saw it: the call raises EngineUnavailableError, or its retry stores the event once."""
        key = trial.key()
        stored: list[PersistedEvent] = []
        for exchange in range(1, MOST_EXCHANGES):
            stored.append(event(key, len(stored) + 1))
            _server(trial).proxy.lose_request(exchange)
            await _unless_unavailable(trial.client.persist(stored[-1]))
            if _disarm(trial):
                break
            await _when_available(trial, lambda: trial.client.persist(stored[-1]))
            promise = f"after request {exchange} of persist was lost, the same event again is stored once"
            await trial.expect_journal(key, stored, promise)

    @law("F-03", Need.SERVER, Need.BATCHES, guarantee=5)
    async def test_a_batch_whose_acknowledgement_was_lost_is_whole(self, trial: Trial) -> None:
        """Whichever exchange is lost, the batch is there whole or not at all, and can be persisted again."""
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            events = [event(key, number) for number in range(1, 31)]
            _server(trial).proxy.lose_reply(exchange)
            await _unless_unavailable(trial.client.persist_all(events))
            finished = _disarm(trial)
            count = len(await _when_available(trial, lambda: trial.client.numbers(key)))  # noqa: B023
            trial.expect_one_of(count, (0, 30), f"after reply {exchange} was lost, the batch is whole or not there")
            await _when_available(trial, lambda: trial.client.persist_all(events))  # noqa: B023
            await trial.expect_journal(key, events, "the same batch again is stored once")
            if finished:
                break

    @law("F-04", Need.SERVER, guarantee=8)
    async def test_a_replay_whose_connection_dies_raises(self, trial: Trial) -> None:
        """A replay that loses its connection raises, or goes on and yields everything: it never just ends."""
        key, count = trial.key(), 2_500 if trial.offers(Need.BATCHES) else 800
        await trial.fill(key, count, data="x" * 300)
        for exchange in range(1, MOST_EXCHANGES):
            _server(trial).proxy.lose_reply(exchange)
            numbers = await _unless_unavailable(trial.client.numbers(key))
            if numbers is not None:
                promise = f"a replay that lost reply {exchange} raises, or yields all"
                trial.expect_numbers(numbers, range(1, count + 1), promise)
            if _disarm(trial):
                break
        whole = await _when_available(trial, lambda: trial.client.numbers(key))
        trial.expect_numbers(whole, range(1, count + 1), "afterwards a replay is whole")

    @law("F-05", Need.SERVER, guarantee=8)
    async def test_a_replay_that_is_cut_off_between_items_raises(self, trial: Trial) -> None:
        """The network goes while the consumer works: the replay then raises EngineUnavailableError, or had it all."""
        key, count = trial.key(), 3_000 if trial.offers(Need.BATCHES) else 1_500
        await trial.fill(key, count, data="x" * 300)
        replay = await trial.client.replay(key)
        first = await trial.client.next(replay)
        await _do(trial, "the network is cut", _server(trial).cut_off)
        rest = await _unless_unavailable(trial.client.rest(replay))
        if rest is not None:
            numbers = [each.sequence_number for each in rest]
            trial.expect_numbers(
                [1, *numbers] if first else [], range(1, count + 1), "a replay that is cut off raises, or yields all"
            )
        await _do(trial, "the network is mended", _server(trial).reconnect)
        whole = await _when_available(trial, lambda: trial.client.numbers(key))
        trial.expect_numbers(whole, range(1, count + 1), "afterwards a replay is whole")

    @law("F-06", Need.SERVER, guarantee=1)
    async def test_acknowledged_events_survive_the_kill_of_the_server(self, trial: Trial) -> None:
        """SIGKILL of the database: every acknowledged event is there when it runs again; its writers go on."""
        key = trial.key()
        stored: list[PersistedEvent] = []
        for _ in range(trial.settings.rounds):
            writer = asyncio.ensure_future(_append(trial.client, key, stored))
            goal = len(stored) + 15
            while len(stored) < goal and not writer.done():  # noqa: ASYNC110 (the list is all that tells)
                await asyncio.sleep(0.001)
            await _do(trial, "the server is killed and started again", _server(trial).restart)
            in_flight = await writer
            await _when_available(trial, lambda: trial.client.persist(in_flight))  # noqa: B023
            stored.append(in_flight)
            await trial.expect_journal(key, stored, "every acknowledged event survives the kill of the server")

    @law("F-07", Need.SERVER, Need.BATCHES, guarantee=5)
    async def test_batches_survive_the_kill_of_the_server_whole(self, trial: Trial) -> None:
        """SIGKILL of the database in the middle of a batch leaves the whole of it or nothing."""
        size = 40
        for _ in range(trial.settings.rounds):
            key = trial.key()
            batches = [[event(key, n + 1 + size * turn) for n in range(size)] for turn in range(5)]
            writes = asyncio.ensure_future(_persist_batches(trial.client, batches))
            await asyncio.sleep(0.003)
            await _do(trial, "the server is killed and started again", _server(trial).restart)
            acknowledged = await writes
            count = len(await _when_available(trial, lambda: trial.client.numbers(key)))  # noqa: B023
            trial.expect(count % size, 0, f"the journal holds whole batches of {size} (it holds {count} events)")
            trial.expect_at_most(size * acknowledged, count, "every acknowledged batch is there")

    @law("F-08", Need.SERVER, guarantee=13)
    async def test_a_server_that_cannot_be_reached_is_unavailable(self, trial: Trial) -> None:
        """Reads and writes raise EngineUnavailableError, not the driver's error; later the same client works again."""
        key = trial.key()
        stored = await trial.fill(key, 2)
        await _do(trial, "the network is cut", _server(trial).cut_off)
        third = event(key, 3)
        for _ in range(3):
            await trial.refused(
                EngineUnavailableError, trial.client.persist(third), "persist raises EngineUnavailableError"
            )
            await trial.refused(
                EngineUnavailableError, trial.client.events(key), "events raises EngineUnavailableError"
            )
        await _do(trial, "the network is mended", _server(trial).reconnect)
        await _when_available(trial, lambda: trial.client.persist(third))
        await trial.expect_journal(key, [*stored, third], "when the network is back, the same client works")

    @law("F-09", Need.SERVER, Need.SECOND_CLIENT, guarantee=13)
    async def test_an_engine_that_could_not_open_opens_later(self, trial: Trial) -> None:
        """A program may start before its database: the first calls raise, and a later one opens."""
        key, other = trial.key(), await trial.another_client()
        await _do(trial, "the network is cut", _server(trial).cut_off)
        promise = "the first call raises EngineUnavailableError"
        await trial.refused(EngineUnavailableError, other.persist(event(key, 1)), promise)
        await trial.refused(EngineUnavailableError, other.events(key), promise)
        await _do(trial, "the network is mended", _server(trial).reconnect)
        mine = event(key, 1, "later")
        await _when_available(trial, lambda: other.persist(mine))
        await trial.expect_journal(key, [mine], "what raised before wasn't stored; the later event is", client=other)

    @law("F-10", Need.SERVER, guarantee=7)
    async def test_a_call_to_a_frozen_server_can_be_cancelled(self, trial: Trial) -> None:
        """A server that hangs doesn't hang its callers: cancelled calls end, and when it goes on, all works."""
        key = trial.key()
        await trial.fill(key, 1)
        second = event(key, 2)
        await _do(trial, "the server freezes", _server(trial).pause)
        calls = [trial.client.engine.persist(second), trial.client.numbers(key)]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.wait(tasks, timeout=0.2)
        for task in tasks:
            task.cancel()
        _, hanging = await asyncio.wait(tasks, timeout=trial.settings.timeout / 2)
        await _do(trial, "the server goes on", _server(trial).resume)
        trial.expect(len(hanging), 0, "calls that are cancelled while the server is frozen end")
        await _when_available(trial, lambda: trial.client.persist(second))
        trial.expect(await trial.client.numbers(key), [1, 2], "when the server goes on, the event is stored once")

    @law("F-11", Need.SERVER, guarantee=4)
    async def test_a_write_to_a_frozen_server_has_one_outcome(self, trial: Trial) -> None:
        """When the server goes on, the write is acknowledged or unavailable; the same event again is stored once."""
        key = trial.key()
        first = event(key, 1)
        await trial.client.events(key)
        await _do(trial, "the server freezes", _server(trial).pause)
        write = asyncio.ensure_future(_unless_unavailable(trial.client.persist(first)))
        await asyncio.wait([write], timeout=0.2)
        await _do(trial, "the server goes on", _server(trial).resume)
        await write
        await _when_available(trial, lambda: trial.client.persist(first))
        await trial.expect_journal(key, [first], "the event is stored once")

    @law("F-12", Need.SERVER, guarantee=4)
    async def test_a_known_outcome_is_known(self, trial: Trial) -> None:
        """`outcome_known` says that nothing was stored. If that isn't certain it is False: a caller relies on it."""
        lose = (_server(trial).proxy.lose_request, _server(trial).proxy.lose_reply)
        finished = False
        for exchange in range(1, MOST_EXCHANGES):
            for lose_one in lose:
                key = trial.key()
                lose_one(exchange)
                error = await _unavailability(trial.client.persist(event(key, 1)))
                finished = _disarm(trial)
                if error is None or not error.outcome_known:
                    continue
                numbers = await _when_available(trial, lambda: trial.client.numbers(key))  # noqa: B023
                trial.expect(numbers, [], f"{error}: so nothing was stored")
            if finished:
                break

    @law("F-13", Need.SERVER, guarantee=6)
    async def test_writers_that_lost_their_acknowledgement_together_can_all_repeat(self, trial: Trial) -> None:
        """Events of many keys travel together; when their answer is lost, each of them can be persisted again."""
        await trial.client.events(trial.key())
        for exchange in range(1, 6):
            events = [event(trial.key(), 1) for _ in range(25)]
            _server(trial).proxy.lose_reply(exchange)
            await trial.at_once(_unless_unavailable(trial.client.persist(each)) for each in events)
            _disarm(trial)
            for each in events:
                await _when_available(trial, lambda: trial.client.persist(each))  # noqa: B023
                await trial.expect_journal(each.key, [each], "each event is stored once")

    @law("F-14", Need.SERVER, guarantee=13)
    async def test_broken_connections_leak_nothing(self, trial: Trial) -> None:
        """After forty connections that broke, more than any pool is large, the engine works as before."""
        for turn in range(40):
            _server(trial).proxy.lose_reply(1 + turn % 2)
            await _unless_unavailable(trial.client.persist(event(trial.key(), 1)))
            _disarm(trial)
        keys = [trial.key() for _ in range(30)]
        first = event(keys[0], 1)
        await _when_available(trial, lambda: trial.client.persist(first))
        await trial.at_once(trial.client.persist(event(key, 1)) for key in keys[1:])
        for key in keys:
            trial.expect(await trial.client.numbers(key), [1], "after forty broken connections, all works")

    @law("F-15", Need.SERVER, Need.DELETION, guarantee=10)
    async def test_a_deletion_whose_acknowledgement_was_lost_can_be_repeated(self, trial: Trial) -> None:
        """Whichever exchange is lost, the deletion happened or didn't; the same again leaves the same tombstone."""
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            await trial.fill(key, 4)
            _server(trial).proxy.lose_reply(exchange)
            await _unless_unavailable(trial.client.delete_events(key, up_to=3))
            finished = _disarm(trial)
            await _when_available(trial, lambda: trial.client.delete_events(key, up_to=3))  # noqa: B023
            found = [(each.sequence_number, each.is_deleted) for each in await trial.client.events(key)]
            trial.expect(found, [(3, True), (4, False)], "a tombstone at 3, then event 4")
            if finished:
                break

    @law("F-16", Need.SERVER, Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_whose_acknowledgement_was_lost_can_be_repeated(self, trial: Trial) -> None:
        """Whichever exchange is lost, the old snapshot or the new one is there; the same again takes it."""
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            old, new = (PersistedSnapshot(key=key, sequence_number=n, data=[n]) for n in (1, 2))
            await trial.client.take_snapshot(old)
            _server(trial).proxy.lose_reply(exchange)
            await _unless_unavailable(trial.client.take_snapshot(new))
            finished = _disarm(trial)
            found = await _when_available(trial, lambda: trial.client.latest_snapshot(key))  # noqa: B023
            trial.expect_one_of(found and found.data, (old.data, new.data), "the old snapshot or the new one is there")
            await _when_available(trial, lambda: trial.client.take_snapshot(new))  # noqa: B023
            found = await trial.client.latest_snapshot(key)
            trial.expect(found and found.data, new.data, "the same snapshot again is taken")
            if finished:
                break


def _server(trial: Trial) -> ServerStorage:
    storage = trial.suite.storage()
    if not isinstance(storage, ServerStorage):
        raise NotTriedError(Need.SERVER)
    return storage


def _disarm(trial: Trial) -> bool:
    """Whether the call had ended before the exchange that was to be lost: then all of its exchanges were tried."""
    proxy = _server(trial).proxy
    was_armed = proxy.armed
    proxy.disarm()
    if not was_armed:
        trial.history.note("(an exchange of that call was lost)")
    return was_armed


async def _do(trial: Trial, words: str, act: Callable[[], None]) -> None:
    await asyncio.to_thread(act)
    trial.history.note(words)


async def _unavailability(call: Awaitable[object]) -> EngineUnavailableError | None:
    try:
        await call
    except EngineUnavailableError as error:
        return error
    return None


async def _unless_unavailable(call: Awaitable[T]) -> T | None:
    try:
        return await call
    except EngineUnavailableError:
        return None


async def _when_available(trial: Trial, begin: Callable[[], Awaitable[T]]) -> T:
    """Makes the call until it isn't answered with EngineUnavailableError any more."""
    seconds = trial.settings.timeout
    for _ in range(round(seconds / PAUSE)):
        try:
            return await begin()
        except EngineUnavailableError:
            await asyncio.sleep(PAUSE)
    raise BrokenLawError(
        "when the fault is over, the engine works again", f"it was still unavailable {seconds:g} s later"
    )


async def _append(client: Client, key: str, stored: list[PersistedEvent]) -> PersistedEvent:
    """Appends until a call is unavailable. Returns the event whose outcome isn't known."""
    while True:
        each = event(key, len(stored) + 1)
        try:
            await client.persist(each)
        except EngineUnavailableError:
            return each
        stored.append(each)


async def _persist_batches(client: Client, batches: list[list[PersistedEvent]]) -> int:
    """How many batches were acknowledged, one after another, until one was unavailable."""
    for count, events in enumerate(batches):
        try:
            await client.persist_all(events)
        except EngineUnavailableError:
            return count
    return len(batches)
