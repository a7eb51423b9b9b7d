"""A: how a journal begins. It may begin with a tombstone, as the copy of a shortened journal does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nact.errors import InvalidEventError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._faults.fault_helpers import disarm, inflict, server, unless_unavailable, when_available
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

NUMBERS = (1, 2, 9, 10, 1_000, 2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 2)
LAST = 2**63 - 1
MOST_EXCHANGES = 40


def dead(key: str, number: int, **fields: Any) -> PersistedEvent:
    """A tombstone."""
    return PersistedEvent(key=key, sequence_number=number, data=None, is_deleted=True, **fields)


class BeginningLaws:
    """A tombstone is accepted as the very first record of a key, and nowhere else; the numbers go on after it."""

    @law("A-01", guarantee=10)
    async def test_a_journal_may_begin_with_a_tombstone_of_any_number(self, trial: Trial) -> None:
        """The copy of a journal whose beginning was deleted begins so: number, id and time are those of the copy."""
        for number in (*NUMBERS, LAST):
            first = dead(trial.key(), number, created_at=1_234_567_890_123)
            await trial.client.persist(first)
            await trial.expect_journal(first.key, [first], f"a tombstone at {number} is the journal")

    @law("A-02", guarantee=10)
    async def test_a_journal_goes_on_after_its_first_tombstone_only(self, trial: Trial) -> None:
        """After a tombstone at n the next number is n + 1: neither 1, nor n again, nor a number after a gap."""
        for number in NUMBERS[1:]:
            first = dead(trial.key(), number)
            await trial.client.persist(first)
            for wrong in {1, number - 1, number, min(number + 2, LAST)} - {number + 1}:
                call = trial.client.persist(event(first.key, wrong))
                promise = f"event {wrong} is refused after a tombstone at {number}"
                await trial.refused(SequenceConflictError, call, promise)
            following = event(first.key, number + 1)
            await trial.client.persist(following)
            await trial.expect_journal(first.key, [first, following], f"event {number + 1} follows the tombstone")

    @law("A-03", Need.SECOND_CLIENT, guarantee=4)
    async def test_the_same_first_tombstone_again_succeeds(self, trial: Trial) -> None:
        """A copy that didn't hear the answer persists again, at once or when events follow: it is stored once."""
        other = await trial.another_client()
        for number in (1, 5, 2**53 + 1):
            first = dead(trial.key(), number)
            stored = [first]
            for client in (trial.client, trial.client, other):
                await client.persist(first)
            await trial.at_once(client.persist(first) for client in (trial.client, other) * 3)
            for following in (number + 1, number + 2):
                stored.append(event(first.key, following))
                await trial.client.persist(stored[-1])
                for client in (other, trial.client):
                    await client.persist(first)
            await trial.expect_journal(first.key, stored, "the same tombstone again is stored once")

    @law("A-04", guarantee=10)
    async def test_another_tombstone_is_refused(self, trial: Trial) -> None:
        """A second tombstone, at the same number or another, would delete what follows, or hide a gap."""
        key = trial.key()
        first, following = dead(key, 5), event(key, 6)
        await trial.client.persist(first)
        for stored in ([first], [first, following]):
            if stored[-1] is following:
                await trial.client.persist(following)
            for number in (1, 4, 5, 6, 7, 100):
                call = trial.client.persist(dead(key, number))
                await trial.refused(SequenceConflictError, call, f"another tombstone at {number} is refused")
            await trial.expect_journal(key, stored, "the refused tombstones changed nothing")

    @law("A-05", guarantee=10)
    async def test_a_tombstone_is_refused_where_there_are_events(self, trial: Trial) -> None:
        """It takes no event's place, and doesn't follow one, wherever it stands: only deletion deletes."""
        key = trial.key()
        stored = await trial.fill(key, 3)
        for number in (1, 2, 3, 4, 5, 2**53):
            call = trial.client.persist(dead(key, number))
            await trial.refused(SequenceConflictError, call, f"a tombstone at {number} is refused after 3 events")
        await trial.expect_journal(key, stored, "the refused tombstones changed nothing")
        await trial.client.persist(event(key, 4))

    @law("A-06", Need.DELETION, guarantee=10)
    async def test_a_tombstone_is_refused_where_events_were_deleted(self, trial: Trial) -> None:
        """A key whose events are all deleted isn't a new one."""
        for count in (1, 4):
            key = trial.key()
            stored = await trial.fill(key, count)
            await trial.client.delete_events(key, up_to=count)
            for number in (count, count + 1, count + 7, max(1, count - 1)):
                call = trial.client.persist(dead(key, number))
                await trial.refused(SequenceConflictError, call, f"a tombstone at {number} of a deleted journal")
            found = [(each.sequence_number, each.event_id) for each in await trial.client.events(key)]
            wanted = [(count, stored[-1].event_id)]
            trial.expect(found, wanted, "the tombstone that deletion left is unchanged")
            await trial.client.persist(event(key, count + 1))

    @law("A-07", Need.BATCHES, guarantee=5)
    async def test_a_batch_goes_on_after_a_first_tombstone(self, trial: Trial) -> None:
        """Batches keep to the number of the tombstone, as single events do."""
        for number in (3, 2**53 + 1):
            key = trial.key()
            first = dead(key, number)
            await trial.client.persist(first)
            for wrong in (1, number, number + 2):
                call = trial.client.persist_all([event(key, wrong), event(key, wrong + 1)])
                promise = f"a batch from {wrong} is refused after a tombstone at {number}"
                await trial.refused(SequenceConflictError, call, promise)
            following = [event(key, number + place) for place in range(1, 6)]
            await trial.client.persist_all(following)
            await trial.client.persist_all(following)
            await trial.expect_journal(key, [first, *following], "the batch follows the tombstone")

    @law("A-08", Need.BATCHES, guarantee=5)
    async def test_a_batch_that_begins_with_a_tombstone_stores_nothing(self, trial: Trial) -> None:
        """A tombstone is persisted by itself: a batch that has one is refused whole, also where a key is new."""
        for place in (0, 1, 2):
            key = trial.key()
            events = [event(key, number) for number in (1, 2, 3)]
            events[place] = dead(key, place + 1)
            call = trial.client.persist_all(events)
            await trial.refused(InvalidEventError, call, f"a batch with a tombstone at place {place} is refused")
            await trial.expect_journal(key, [], "the refused batch stored nothing")
        first = dead(trial.key(), 7)
        await trial.client.persist_all([first])
        await trial.expect_journal(first.key, [first], "a batch of one tombstone is that tombstone")

    @law("A-09", guarantee=10)
    async def test_a_tombstone_with_data_is_refused(self, trial: Trial) -> None:
        """Data, tags and metadata are what a deletion removes: a record can't be deleted and have them."""
        key = trial.key()
        wrong: list[dict[str, Any]] = [{"data": 1}, {"data": {}}, {"tags": ["a"]}, {"metadata": {"by": "ann"}}]
        for fields in wrong:
            given = {"data": None, **fields}
            call = trial.client.persist(PersistedEvent(key=key, sequence_number=4, is_deleted=True, **given))
            await trial.refused(InvalidEventError, call, f"a tombstone with {fields} is refused")
        await trial.expect_journal(key, [], "the refused tombstones aren't stored")
        await trial.client.persist(event(key, 1))

    @law("A-10", Need.SECOND_CLIENT, guarantee=3)
    async def test_a_journal_has_one_beginning(self, trial: Trial) -> None:
        """Copies, and a first writer, race for a new key: one of them begins it, the others get a conflict."""
        clients = [trial.client, *[await trial.another_client() for _ in range(2)]]
        for turn in range(4 * trial.settings.rounds):
            key = trial.key()
            rivals = [dead(key, 5), dead(key, 5), dead(key, 9), dead(key, 1), event(key, 1), event(key, 1)]
            rivals = rivals[turn % 6 :] + rivals[: turn % 6]
            calls = [clients[place % 3].persist(rival) for place, rival in enumerate(rivals)]
            outcomes = await trial.outcomes(calls)
            won = [rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None]
            trial.expect(len(won), 1, "of six that race for the beginning of a journal, one is acknowledged")
            lost = {type(outcome) for outcome in outcomes if outcome is not None}
            trial.expect(lost, {SequenceConflictError}, "those that lost got SequenceConflictError")
            for client in clients:
                promise = "the journal begins with what was acknowledged"
                await trial.expect_journal(key, won, promise, client=client)

    @law("A-11", Need.SECOND_CLIENT, guarantee=1)
    async def test_a_first_tombstone_outlives_its_client(self, trial: Trial) -> None:
        """A client that knows nothing of it reads it, is refused where it was, and goes on after it."""
        first = dead(trial.key(), 12)
        await trial.client.persist(first)
        other = await trial.another_client()
        await trial.expect_journal(first.key, [first], "another client reads the tombstone", client=other)
        await trial.client.aclose()
        third = await trial.another_client()
        for client in (other, third):
            await trial.refused(SequenceConflictError, client.persist(event(first.key, 1)), "event 1 is refused")
            await trial.refused(SequenceConflictError, client.persist(dead(first.key, 3)), "a tombstone is refused")
        following = event(first.key, 13)
        await third.persist(following)
        await trial.expect_journal(first.key, [first, following], "event 13 follows the tombstone", client=other)

    @law("A-12", Need.OTHER_PROCESSES, guarantee=1)
    async def test_a_first_tombstone_survives_the_kill_of_its_writer(self, trial: Trial) -> None:
        """SIGKILL of the process right after the answer: the tombstone is there, and the journal goes on."""
        first = dead(trial.key(), 7)
        worker = await trial.process()
        worker.order_persist(first)
        await worker.acknowledgement()
        await worker.kill()
        await trial.expect_journal(first.key, [first], "the tombstone survives the kill of its writer")
        await trial.client.persist(event(first.key, 8))

    @law("A-13", Need.SERVER, guarantee=1)
    async def test_a_first_tombstone_survives_the_kill_of_the_server(self, trial: Trial) -> None:
        """SIGKILL of the database: a copy that was acknowledged begins as it did."""
        first = dead(trial.key(), 7)
        await trial.client.persist(first)
        await inflict(trial, "the server is killed and started again", server(trial).restart)
        found = await when_available(trial, lambda: trial.client.events(first.key))
        trial.expect_events(found, [first], "the tombstone survives the kill of the server")
        await when_available(trial, lambda: trial.client.persist(event(first.key, 8)))

    @law("A-14", Need.SERVER, guarantee=4)
    async def test_a_lost_acknowledgement_of_a_first_tombstone_is_no_conflict(self, trial: Trial) -> None:
        """The tombstone was stored and its answer lost: the same one again succeeds, and is stored once."""
        for exchange in range(1, MOST_EXCHANGES):
            first = dead(trial.key(), 7)
            server(trial).proxy.lose_reply(exchange)
            await unless_unavailable(trial.client.persist(first))
            finished = disarm(trial)
            await when_available(trial, lambda: trial.client.persist(first))  # noqa: B023
            promise = f"after reply {exchange} was lost, the same tombstone again is stored once"
            await trial.expect_journal(first.key, [first], promise)
            if finished:
                break

    @law("A-15", Need.HIGHEST, guarantee=10)
    async def test_the_highest_number_is_that_of_the_first_tombstone(self, trial: Trial) -> None:
        """By it a copy says how far the original went."""
        for number in (*NUMBERS, LAST):
            first = dead(trial.key(), number)
            await trial.client.persist(first)
            found = await trial.client.highest(first.key)
            trial.expect(found, number, f"the highest number after a tombstone at {number}")
            if number < LAST:
                await trial.client.persist(event(first.key, number + 1))
                found = await trial.client.highest(first.key)
                trial.expect(found, number + 1, f"the highest number after event {number + 1}")

    @law("A-16", Need.LISTING, guarantee=6)
    async def test_a_key_that_begins_with_a_tombstone_is_listed(self, trial: Trial) -> None:
        """It has a record, and so it is a key: once, whether events follow or not. What was refused is none."""
        prefix = trial.key("-")
        keys = [prefix + name for name in ("a", "b")]
        for key in keys:
            await trial.client.persist(dead(key, 4))
        await trial.client.persist(event(keys[0], 5))
        await trial.refused(SequenceConflictError, trial.client.persist(event(prefix + "c", 5)), "5 of a new key")
        found = sorted(await trial.client.keys(prefix))
        trial.expect(found, keys, "each key that begins with a tombstone is listed once")

    @law("A-17", Need.DELETION, guarantee=10)
    async def test_deletion_keeps_a_first_tombstone_or_takes_it_along(self, trial: Trial) -> None:
        """Below it there is nothing to delete. Above it one tombstone remains, with the id of the last deleted."""
        key = trial.key()
        stored: Sequence[PersistedEvent] = [dead(key, 10), *(event(key, number) for number in (11, 12, 13))]
        await trial.client.persist(stored[0])
        for up_to in (0, 3, 9, 10, 1_000):
            await trial.client.delete_events(key, up_to=up_to)
            await trial.expect_journal(key, stored[:1], f"deletion up to {up_to} leaves a lone tombstone as it is")
        for each in stored[1:]:
            await trial.client.persist(each)
        for up_to in (5, 10):
            await trial.client.delete_events(key, up_to=up_to)
            await trial.expect_journal(key, stored, f"deletion up to {up_to} leaves the journal as it is")
        await trial.client.delete_events(key, up_to=12)
        found = [(each.sequence_number, each.is_deleted, each.event_id) for each in await trial.client.events(key)]
        wanted = [(12, True, stored[2].event_id), (13, False, stored[3].event_id)]
        trial.expect(found, wanted, "after deletion up to 12, a tombstone at 12, then 13")

    @law("A-18", Need.SNAPSHOTS, Need.SECOND_CLIENT, guarantee=11)
    async def test_a_snapshot_stands_on_a_first_tombstone(self, trial: Trial) -> None:
        """The state of a copy is its snapshot: it counts by the id that the tombstone keeps."""
        for number in (8, 2**53 + 1):
            first = dead(trial.key(), number)
            taken = PersistedSnapshot(
                key=first.key, sequence_number=number, data={"state": number}, event_id=first.event_id
            )
            await trial.client.take_snapshot(taken)
            await trial.client.persist(first)
            await trial.client.persist(event(first.key, number + 1))
            for client in (trial.client, await trial.another_client()):
                await _expect_copy(trial, client, taken, [number + 1])

    @law("A-19", guarantee=2)
    async def test_windows_begin_at_a_first_tombstone(self, trial: Trial) -> None:
        """A window has the tombstone if that comes after `after`, then the rest; a filter by tags passes over it."""
        for number in (6, 2**53 + 1):
            key = trial.key()
            await trial.client.persist(dead(key, number))
            for following in range(number + 1, number + 4):
                await trial.client.persist(event(key, following, tags=["t"]))
            whole = list(range(number, number + 4))
            for after in (0, 1, number - 1, number, number + 1, number + 3, number + 9):
                for limit in (None, 0, 1, 2, 9):
                    wanted = [each for each in whole if each > after][:limit]
                    found = await trial.client.numbers(key, after=after, limit=limit)
                    promise = f"after={after}, limit={limit} over a tombstone at {number} yields {wanted}"
                    trial.expect(found, wanted, promise)
            for tags, limit in ((["t"], None), (["t"], 2), (["none"], None)):
                wanted = whole[1:][:limit] if tags == ["t"] else []
                tagged = await trial.client.events(key, tags=tags, limit=limit)
                trial.expect([each.sequence_number for each in tagged], wanted, f"tags={tags} yields no tombstone")


async def _expect_copy(trial: Trial, client: Client, taken: PersistedSnapshot, tail: list[int]) -> None:
    """Returns if recovery from the snapshot finds the event that it stands on, and the tail."""
    found = await client.latest_snapshot(taken.key)
    happened = found and (found.sequence_number, found.data, found.event_id)
    wanted = (taken.sequence_number, taken.data, taken.event_id)
    trial.expect(happened, wanted, "the snapshot on a tombstone comes back with its event's id")
    events = await client.events(taken.key, after=taken.sequence_number - 1)
    trial.expect([each.event_id for each in events[:1]], [taken.event_id], "its event is the tombstone")
    numbers = [each.sequence_number for each in events[1:]]
    trial.expect(numbers, tail, "the events after the snapshot follow")
