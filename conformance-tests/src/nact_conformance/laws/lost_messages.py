"""F: acknowledgements and requests are lost.

The modules `outages`, `late_delivery`, `known_outcomes` and `silent_connections` have the rest of F.
A-14, in `beginnings`, does the same for a first tombstone.
"""

from __future__ import annotations

from nact.errors import OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._faults.fault_helpers import disarm, server, unavailable_error, unless_unavailable, when_available
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

MOST_EXCHANGES = 40
"""The number of exchanges of a call at which it is tried, at most."""


class LostMessageLaws:
    """A fault ends in success or `EngineUnavailableError`; afterwards the same client works, and nothing is lost."""

    @law("F-01", Need.SERVER, guarantee=4)
    async def test_a_lost_acknowledgement_is_no_conflict(self, trial: Trial) -> None:
        """The event was stored and its answer lost: the same event again succeeds, and is stored once."""
        key = trial.key()
        stored: list[PersistedEvent] = []
        for exchange in range(1, MOST_EXCHANGES):
            stored.append(event(key, len(stored) + 1))
            server(trial).proxy.lose_reply(exchange)
            await unless_unavailable(trial.client.persist(stored[-1]))
            if disarm(trial):
                break
            await when_available(trial, lambda: trial.client.persist(stored[-1]))
            promise = f"after reply {exchange} of persist was lost, the same event again is stored once"
            await trial.expect_journal(key, stored, promise)

    @law("F-02", Need.SERVER, guarantee=4)
    async def test_a_lost_request_can_be_repeated(self, trial: Trial) -> None:
        """The server never saw it: the call raises EngineUnavailableError, or its retry stores the event once."""
        key = trial.key()
        stored: list[PersistedEvent] = []
        for exchange in range(1, MOST_EXCHANGES):
            stored.append(event(key, len(stored) + 1))
            server(trial).proxy.lose_request(exchange)
            await unless_unavailable(trial.client.persist(stored[-1]))
            if disarm(trial):
                break
            await when_available(trial, lambda: trial.client.persist(stored[-1]))
            promise = f"after request {exchange} of persist was lost, the same event again is stored once"
            await trial.expect_journal(key, stored, promise)

    @law("F-03", Need.SERVER, Need.BATCHES, guarantee=5)
    async def test_a_batch_whose_acknowledgement_was_lost_is_whole(self, trial: Trial) -> None:
        """Whichever exchange is lost, the batch is there whole or not at all, and can be persisted again."""
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            events = [event(key, number) for number in range(1, 31)]
            server(trial).proxy.lose_reply(exchange)
            await unless_unavailable(trial.client.persist_all(events))
            finished = disarm(trial)
            count = len(await when_available(trial, lambda: trial.client.numbers(key)))  # noqa: B023
            trial.expect_one_of(count, (0, 30), f"after reply {exchange} was lost, the batch is whole or not there")
            await when_available(trial, lambda: trial.client.persist_all(events))  # noqa: B023
            await trial.expect_journal(key, events, "the same batch again is stored once")
            if finished:
                break

    @law("F-04", Need.SERVER, guarantee=8)
    async def test_a_replay_whose_connection_dies_raises(self, trial: Trial) -> None:
        """A replay that loses its connection raises, or goes on and yields everything: it never just ends."""
        key, count = trial.key(), 2_500 if trial.offers(Need.BATCHES) else 800
        await trial.fill(key, count, data="x" * 300)
        for exchange in range(1, MOST_EXCHANGES):
            server(trial).proxy.lose_reply(exchange)
            numbers = await unless_unavailable(trial.client.numbers(key))
            if numbers is not None:
                promise = f"a replay that lost reply {exchange} raises, or yields all"
                trial.expect_numbers(numbers, range(1, count + 1), promise)
            if disarm(trial):
                break
        whole = await when_available(trial, lambda: trial.client.numbers(key))
        trial.expect_numbers(whole, range(1, count + 1), "afterwards a replay is whole")

    @law("F-12", Need.SERVER, guarantee=4)
    async def test_a_known_outcome_is_known(self, trial: Trial) -> None:
        """If it isn't certain that nothing was stored, the error is an `OutcomeUnknownError`: a caller relies on it."""
        lose = (server(trial).proxy.lose_request, server(trial).proxy.lose_reply)
        finished = False
        for exchange in range(1, MOST_EXCHANGES):
            for lose_one in lose:
                key = trial.key()
                lose_one(exchange)
                error = await unavailable_error(trial.client.persist(event(key, 1)))
                finished = disarm(trial)
                if error is None or isinstance(error, OutcomeUnknownError):
                    continue
                numbers = await when_available(trial, lambda: trial.client.numbers(key))  # noqa: B023
                trial.expect(numbers, [], f"{error}: so nothing was stored")
            if finished:
                break

    @law("F-13", Need.SERVER, guarantee=6)
    async def test_writers_that_lost_their_acknowledgement_together_can_all_repeat(self, trial: Trial) -> None:
        """Events of many keys travel together; when their answer is lost, each of them can be persisted again."""
        await trial.client.events(trial.key())
        for exchange in range(1, 6):
            events = [event(trial.key(), 1) for _ in range(25)]
            server(trial).proxy.lose_reply(exchange)
            await trial.at_once(unless_unavailable(trial.client.persist(each)) for each in events)
            disarm(trial)
            for each in events:
                await when_available(trial, lambda: trial.client.persist(each))  # noqa: B023
                await trial.expect_journal(each.key, [each], "each event is stored once")

    @law("F-14", Need.SERVER, guarantee=13)
    async def test_broken_connections_leak_nothing(self, trial: Trial) -> None:
        """After forty connections that broke, more than any pool is large, the engine works as before."""
        for turn in range(40):
            server(trial).proxy.lose_reply(1 + turn % 2)
            await unless_unavailable(trial.client.persist(event(trial.key(), 1)))
            disarm(trial)
        keys = [trial.key() for _ in range(30)]
        first = event(keys[0], 1)
        await when_available(trial, lambda: trial.client.persist(first))
        await trial.at_once(trial.client.persist(event(key, 1)) for key in keys[1:])
        for key in keys:
            trial.expect(await trial.client.numbers(key), [1], "after forty broken connections, all works")

    @law("F-15", Need.SERVER, Need.DELETION, guarantee=10)
    async def test_a_deletion_whose_acknowledgement_was_lost_can_be_repeated(self, trial: Trial) -> None:
        """Whichever exchange is lost, the deletion happened or didn't; the same again leaves the same tombstone."""
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            await trial.fill(key, 4)
            server(trial).proxy.lose_reply(exchange)
            await unless_unavailable(trial.client.delete_events(key, up_to=3))
            finished = disarm(trial)
            await when_available(trial, lambda: trial.client.delete_events(key, up_to=3))  # noqa: B023
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
            server(trial).proxy.lose_reply(exchange)
            await unless_unavailable(trial.client.take_snapshot(new))
            finished = disarm(trial)
            found = await when_available(trial, lambda: trial.client.latest_snapshot(key))  # noqa: B023
            trial.expect_one_of(found and found.data, (old.data, new.data), "the old snapshot or the new one is there")
            await when_available(trial, lambda: trial.client.take_snapshot(new))  # noqa: B023
            found = await trial.client.latest_snapshot(key)
            trial.expect(found and found.data, new.data, "the same snapshot again is taken")
            if finished:
                break
