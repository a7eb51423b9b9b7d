"""B: batches are all or nothing."""

from __future__ import annotations

import asyncio

from nact.errors import InvalidEventError, NactError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

HUGE = 12_000


def batch(key: str, first: int, count: int) -> list[PersistedEvent]:
    """Consecutive events of a key."""
    return [event(key, number) for number in range(first, first + count)]


class BatchLaws:
    """Several events of one key are stored together, or none of them."""

    @law("B-01", Need.BATCHES, guarantee=5)
    async def test_a_batch_comes_back_in_order_as_it_was_persisted(self, trial: Trial) -> None:
        """A batch is a run of ordinary events: each comes back with all its fields, before and after single ones."""
        key = trial.key()
        first = event(key, 1)
        many = [event(key, number, {"n": number}, tags=[f"t{number}"]) for number in range(2, 14)]
        await trial.client.persist(first)
        await trial.client.persist_all(many)
        await trial.expect_journal(key, [first, *many], "the single event and the batch come back, in order")

    @law("B-02", Need.BATCHES, guarantee=5)
    async def test_an_empty_batch_does_nothing(self, trial: Trial) -> None:
        """Nothing to persist is no error: an actor's handler may find that nothing happened."""
        await trial.client.persist_all([])
        key = trial.key()
        await trial.client.persist_all(batch(key, 1, 1))
        trial.expect(await trial.client.numbers(key), [1], "after an empty batch, the next one is stored")

    @law("B-03", Need.BATCHES, guarantee=5)
    async def test_a_batch_of_one_is_an_event(self, trial: Trial) -> None:
        """A batch of one event and a single event mean the same, in any mixture."""
        key = trial.key()
        stored = batch(key, 1, 4)
        for place, each in enumerate(stored):
            await (trial.client.persist(each) if place % 2 else trial.client.persist_all([each]))
        await trial.expect_journal(key, stored, "batches of one and single events follow each other")

    @law("B-04", Need.BATCHES, guarantee=5)
    async def test_a_batch_with_a_taken_number_stores_nothing(self, trial: Trial) -> None:
        """If the first numbers of a batch are another writer's, the rest isn't stored after them."""
        key = trial.key()
        stored = await trial.fill(key, 3)
        for first in (1, 2, 3):
            call = trial.client.persist_all(batch(key, first, 4))
            await trial.refused(SequenceConflictError, call, f"a batch from {first} is refused after 3 events")
            await trial.expect_journal(key, stored, f"a refused batch from {first} stored nothing")

    @law("B-05", Need.BATCHES, guarantee=5)
    async def test_a_batch_after_a_gap_stores_nothing(self, trial: Trial) -> None:
        """A batch that doesn't begin with the next number is refused whole."""
        key = trial.key()
        call = trial.client.persist_all(batch(key, 2, 2))
        await trial.refused(SequenceConflictError, call, "a batch from 2 of a new key is refused")
        stored = await trial.fill(key, 2)
        call = trial.client.persist_all(batch(key, 4, 2))
        await trial.refused(SequenceConflictError, call, "a batch from 4 is refused after 2 events")
        await trial.expect_journal(key, stored, "refused batches stored nothing")

    @law("B-06", Need.BATCHES, guarantee=5)
    async def test_a_batch_with_bad_data_stores_nothing(self, trial: Trial) -> None:
        """One event that can't be stored exactly, first, middle or last, refuses the whole batch."""
        for place in range(3):
            key = trial.key()
            events = batch(key, 1, 3)
            events[place] = event(key, place + 1, {"not": float("nan")})
            call = trial.client.persist_all(events)
            await trial.refused(InvalidEventError, call, f"NaN at place {place} of a batch is refused")
            await trial.expect_journal(key, [], f"a batch with NaN at place {place} stored nothing")
            await trial.client.persist_all(batch(key, 1, 3))

    @law("B-07", Need.BATCHES, guarantee=5)
    async def test_a_batch_has_one_key_and_consecutive_numbers(self, trial: Trial) -> None:
        """Anything else is a mistake of the caller's, refused as such before anything is stored."""
        key, other = trial.key(), trial.key()
        wrong = {
            "two keys": [event(key, 1), event(other, 2)],
            "two keys that both begin": [event(key, 1), event(other, 1)],
            "a gap": [event(key, 1), event(key, 3)],
            "a number twice": [event(key, 1), event(key, 1)],
            "numbers backwards": [event(key, 2), event(key, 1)],
        }
        for what, events in wrong.items():
            await trial.refused(InvalidEventError, trial.client.persist_all(events), f"a batch with {what} is refused")
            await trial.expect_journal(key, [], f"a batch with {what} stored nothing")
            await trial.expect_journal(other, [], f"a batch with {what} stored nothing under the other key")

    @law("B-08", Need.BATCHES, guarantee=4)
    async def test_the_same_batch_again_succeeds_and_stores_nothing(self, trial: Trial) -> None:
        """A writer that didn't hear the answer asks again, at once or much later, and is told the truth."""
        key = trial.key()
        events = batch(key, 1, 3)
        await trial.client.persist_all(events)
        await trial.client.persist_all(events)
        await trial.expect_journal(key, events, "the same batch twice is stored once")
        more = event(key, 4)
        await trial.client.persist(more)
        await trial.client.persist_all(events)
        await trial.expect_journal(key, [*events, more], "the same batch after a later event is stored once")

    @law("B-09", Need.BATCHES, guarantee=4)
    async def test_a_batch_is_recognised_by_all_of_its_events(self, trial: Trial) -> None:
        """A batch of which the journal has the first event, but not the others, is another writer's: a conflict."""
        key = trial.key()
        stored = batch(key, 1, 3)
        await trial.client.persist_all(stored)
        call = trial.client.persist_all([stored[0], event(key, 2), event(key, 3)])
        await trial.refused(SequenceConflictError, call, "a batch with other events at 2 and 3 is refused")
        await trial.expect_journal(key, stored, "the refused batch changed nothing")

    @law("B-10", Need.BATCHES, guarantee=5)
    async def test_a_huge_batch_is_stored_whole(self, trial: Trial) -> None:
        """A batch may be larger than what the database takes in a statement (parameters, documents, bytes)."""
        key = trial.key()
        await trial.client.persist_all(batch(key, 1, HUGE))
        numbers = await trial.client.numbers(key)
        trial.expect_numbers(numbers, range(1, HUGE + 1), f"a batch of {HUGE} events comes back whole")

    @law("B-11", Need.BATCHES, guarantee=5)
    async def test_a_huge_batch_is_refused_whole(self, trial: Trial) -> None:
        """If a batch travels in parts, those before the fault must not stay."""
        key = trial.key()
        events = [*batch(key, 1, HUGE - 1), event(key, HUGE, {1: "an int key"})]
        await trial.refused(InvalidEventError, trial.client.persist_all(events), "bad data at the end is refused")
        await trial.expect_journal(key, [], "a huge batch with bad data at its end stored nothing")

    @law("B-12", Need.BATCHES, Need.SECOND_CLIENT, guarantee=3)
    async def test_of_batches_that_race_one_is_stored_whole(self, trial: Trial) -> None:
        """Two writers' batches for the same numbers never mix: one is stored whole, the other is a conflict."""
        other = await trial.another_client()
        for _ in range(trial.settings.rounds):
            key = trial.key()
            batches = [batch(key, 1, 10) for _ in range(6)]
            clients = [trial.client, other] * 3
            calls = (client.persist_all(events) for client, events in zip(clients, batches, strict=True))
            outcomes = await trial.outcomes(calls)
            won = [events for events, outcome in zip(batches, outcomes, strict=True) if outcome is None]
            trial.expect(len(won), 1, "of six batches that race for the numbers 1 to 10, one is acknowledged")
            lost = {type(outcome) for outcome in outcomes if outcome is not None}
            trial.expect(lost, {SequenceConflictError}, "the batches that lost got SequenceConflictError")
            await trial.expect_journal(key, won[0], "the journal holds the acknowledged batch, whole")

    @law("B-13", Need.BATCHES, Need.SECOND_CLIENT, guarantee=5)
    async def test_a_reader_never_sees_a_part_of_a_batch(self, trial: Trial) -> None:
        """All or nothing holds for readers too: an actor that recovers elsewhere must not see half a decision."""
        key, other = trial.key(), await trial.another_client()
        size, written = 7, 0
        for _ in range(10 * trial.settings.rounds):
            write = asyncio.ensure_future(trial.client.persist_all(batch(key, written + 1, size)))
            while not write.done():
                seen = len(await other.numbers(key))
                trial.expect(seen % size, 0, f"a reader sees whole batches of {size} (it saw {seen} events)")
            await write
            written += size

    @law("B-14", Need.BATCHES, guarantee=6)
    async def test_a_refused_batch_does_not_fail_its_neighbours(self, trial: Trial) -> None:
        """Batches that travel together stand and fall alone: one conflict, one bad event, and ten others stored."""
        keys = [trial.key() for _ in range(12)]
        good = [batch(key, 1, 3) for key in keys]
        good[3] = batch(keys[3], 5, 3)
        good[7][1] = event(keys[7], 2, {"not": float("inf")})
        outcomes = await trial.outcomes(trial.client.persist_all(events) for events in good)
        errors = {place: type(outcome) for place, outcome in enumerate(outcomes) if isinstance(outcome, NactError)}
        wanted = {3: SequenceConflictError, 7: InvalidEventError}
        trial.expect(errors, wanted, "of twelve batches at once, the conflict and the bad one fail, and only these")
        for place, key in enumerate(keys):
            stored = [] if place in errors else good[place]
            await trial.expect_journal(key, stored, "each batch is stored whole, or refused and not stored")

    @law("B-15", Need.BATCHES, guarantee=10)
    async def test_a_batch_with_a_tombstone_is_refused(self, trial: Trial) -> None:
        """Tombstones are made by deletion alone: one that is written would hide a gap."""
        key = trial.key()
        events = [event(key, 1), PersistedEvent(key=key, sequence_number=2, data=None, is_deleted=True)]
        await trial.refused(InvalidEventError, trial.client.persist_all(events), "a batch with a tombstone is refused")
        await trial.expect_journal(key, [], "a batch with a tombstone stored nothing")
