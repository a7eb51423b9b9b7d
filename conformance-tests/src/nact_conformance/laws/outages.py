"""F: the server dies, freezes or can't be reached. The module `lost_messages` has the rest of F."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from nact.errors import EngineUnavailableError
from nact_conformance._faults.fault_helpers import inflict, server, unless_unavailable, when_available
from nact_conformance._faults.writer import Writer
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class OutageLaws:
    """While the server is away calls raise `EngineUnavailableError`; afterwards the same client works."""

    @law("F-05", Need.SERVER, guarantee=8)
    async def test_a_replay_that_is_cut_off_between_items_raises(self, trial: Trial) -> None:
        """The network goes while the consumer works: the replay then raises EngineUnavailableError, or had it all."""
        key, count = trial.key(), 3_000 if trial.offers(Need.BATCHES) else 1_500
        await trial.fill(key, count, data="x" * 300)
        replay = await trial.client.replay(key)
        first = await trial.client.next(replay)
        await inflict(trial, "the network is cut", server(trial).cut_off)
        rest = await unless_unavailable(trial.client.rest(replay))
        if rest is not None:
            numbers = [each.sequence_number for each in rest]
            trial.expect_numbers(
                [1, *numbers] if first else [], range(1, count + 1), "a replay that is cut off raises, or yields all"
            )
        await inflict(trial, "the network is mended", server(trial).reconnect)
        whole = await when_available(trial, lambda: trial.client.numbers(key))
        trial.expect_numbers(whole, range(1, count + 1), "afterwards a replay is whole")

    @law("F-06", Need.SERVER, guarantee=1)
    async def test_acknowledged_events_survive_the_kill_of_the_server(self, trial: Trial) -> None:
        """SIGKILL of the database: every acknowledged event is there when it runs again; its writers go on."""
        writer = Writer(trial, trial.key())
        for turn in range(trial.settings.rounds + 1):
            in_flight = await (writer.killed_at_random() if turn else writer.killed_before_it_is_heard())
            acknowledged = list(writer.stored)
            found = await when_available(trial, lambda: trial.client.events(writer.key))
            promise = "every acknowledged event survives the kill of the server"
            trial.expect_events(found[: len(acknowledged)], acknowledged, promise)
            await when_available(trial, lambda: trial.client.persist(in_flight[0]))  # noqa: B023
            writer.stored += in_flight
            await trial.expect_journal(writer.key, writer.stored, "the event that was in flight is stored once")

    @law("F-07", Need.SERVER, Need.BATCHES, guarantee=5)
    async def test_batches_survive_the_kill_of_the_server_whole(self, trial: Trial) -> None:
        """SIGKILL of the database in the middle of a batch leaves the whole of it or nothing."""
        size = 40
        for turn in range(trial.settings.rounds + 1):
            writer = Writer(trial, trial.key(), size)
            in_flight = await (writer.killed_at_random() if turn else writer.killed_before_it_is_heard())
            count = len(await when_available(trial, lambda: trial.client.numbers(writer.key)))  # noqa: B023
            wanted = (len(writer.stored), len(writer.stored) + size)
            trial.expect_one_of(count, wanted, "every acknowledged batch is there, and that in flight whole or not")
            await when_available(trial, lambda: trial.client.persist_all(in_flight))  # noqa: B023
            promise = "the batch in flight can be persisted again"
            await trial.expect_journal(writer.key, [*writer.stored, *in_flight], promise)

    @law("F-08", Need.SERVER, guarantee=13)
    async def test_a_server_that_cannot_be_reached_is_unavailable(self, trial: Trial) -> None:
        """Reads and writes raise EngineUnavailableError, not the driver's error; later the same client works again."""
        key = trial.key()
        stored = await trial.fill(key, 2)
        await inflict(trial, "the network is cut", server(trial).cut_off)
        third = event(key, 3)
        writes = ("persist", lambda: trial.client.persist(third))
        reads = ("events", lambda: trial.client.events(key))
        # An engine may try for long: all of them do so at the same time, and a second time.
        for calls in ((writes, reads), (writes, reads, writes, reads)):
            await trial.at_once(_unavailable(trial, name, call()) for name, call in calls)
        await inflict(trial, "the network is mended", server(trial).reconnect)
        await when_available(trial, lambda: trial.client.persist(third))
        await trial.expect_journal(key, [*stored, third], "when the network is back, the same client works")

    @law("F-09", Need.SERVER, Need.SECOND_CLIENT, guarantee=13)
    async def test_an_engine_that_could_not_open_opens_later(self, trial: Trial) -> None:
        """A program may start before its database: the first calls raise, and a later one opens."""
        key, other = trial.key(), await trial.another_client()
        await inflict(trial, "the network is cut", server(trial).cut_off)
        calls = {"the first persist": other.persist(event(key, 1)), "the first events": other.events(key)}
        await trial.at_once(_unavailable(trial, name, call) for name, call in calls.items())
        await inflict(trial, "the network is mended", server(trial).reconnect)
        mine = event(key, 1, "later")
        await when_available(trial, lambda: other.persist(mine))
        await trial.expect_journal(key, [mine], "what raised before wasn't stored; the later event is", client=other)

    @law("F-10", Need.SERVER, guarantee=7)
    async def test_a_call_to_a_frozen_server_can_be_cancelled(self, trial: Trial) -> None:
        """A server that hangs doesn't hang its callers: cancelled calls end, and when it goes on, all works."""
        key = trial.key()
        await trial.fill(key, 1)
        second = event(key, 2)
        await inflict(trial, "the server freezes", server(trial).pause)
        calls = [trial.client.engine.persist(second), trial.client.numbers(key)]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.wait(tasks, timeout=0.2)
        for task in tasks:
            task.cancel()
        _, hanging = await asyncio.wait(tasks, timeout=trial.settings.timeout / 2)
        await inflict(trial, "the server goes on", server(trial).resume)
        trial.expect(len(hanging), 0, "calls that are cancelled while the server is frozen end")
        await when_available(trial, lambda: trial.client.persist(second))
        trial.expect(await trial.client.numbers(key), [1, 2], "when the server goes on, the event is stored once")

    @law("F-11", Need.SERVER, guarantee=4)
    async def test_a_write_to_a_frozen_server_has_one_outcome(self, trial: Trial) -> None:
        """When the server goes on, the write is acknowledged or unavailable; the same event again is stored once."""
        key = trial.key()
        first = event(key, 1)
        await trial.client.events(key)
        await inflict(trial, "the server freezes", server(trial).pause)
        write = asyncio.ensure_future(unless_unavailable(trial.client.persist(first)))
        await asyncio.wait([write], timeout=0.2)
        await inflict(trial, "the server goes on", server(trial).resume)
        await write
        await when_available(trial, lambda: trial.client.persist(first))
        await trial.expect_journal(key, [first], "the event is stored once")


async def _unavailable(trial: Trial, name: str, call: Awaitable[object]) -> None:
    await trial.refused(EngineUnavailableError, call, f"{name} raises EngineUnavailableError")
