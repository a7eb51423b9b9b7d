"""D: deletion removes data for good, and the numbers go on."""

from __future__ import annotations

from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class DeletionLaws:
    """After `delete_events(key, up_to=n)` a tombstone stands at n, and what follows it is unchanged."""

    @law("D-01", Need.DELETION, guarantee=10)
    async def test_deletion_leaves_a_tombstone_in_place_of_the_last(self, trial: Trial) -> None:
        """The data of 1 to n is gone; a tombstone at n says that the gap before it is meant."""
        key = trial.key()
        stored = await _tagged(trial, key, 6)
        await trial.client.delete_events(key, up_to=4)
        found = await trial.client.events(key)
        _expect_remains(trial, found, 4, stored[4:], "after deletion up to 4, a tombstone at 4, then 5 and 6")
        dead = found[0]
        trial.expect((dead.key, dead.data, dead.tags), (key, None, ()), "a tombstone has no data and no tags")

    @law("D-02", Need.DELETION, guarantee=10)
    async def test_the_numbers_go_on_after_everything_was_deleted(self, trial: Trial) -> None:
        """A journal that was emptied doesn't begin again: 1 is refused, and the next number is accepted."""
        key = trial.key()
        await trial.fill(key, 5)
        await trial.client.delete_events(key, up_to=5)
        _expect_remains(trial, await trial.client.events(key), 5, [], "when all five are deleted, a tombstone at 5")
        for number in (1, 5, 7):
            call = trial.client.persist(event(key, number))
            await trial.refused(SequenceConflictError, call, f"a new event {number} is refused")
        sixth = event(key, 6)
        await trial.client.persist(sixth)
        _expect_remains(trial, await trial.client.events(key), 5, [sixth], "event 6 follows the tombstone")

    @law("D-03", Need.DELETION, guarantee=10)
    async def test_deletion_beyond_the_last_event_invents_no_number(self, trial: Trial) -> None:
        """Deleting up to 1000 of 3 events deletes 3: the next number is 4, not 1001."""
        for up_to in (4, 1000, 2**63 - 1):
            key = trial.key()
            await trial.fill(key, 3)
            await trial.client.delete_events(key, up_to=up_to)
            _expect_remains(trial, await trial.client.events(key), 3, [], f"up to {up_to} of 3: a tombstone at 3")
            call = trial.client.persist(event(key, 5))
            await trial.refused(SequenceConflictError, call, "event 5 is refused")
            await trial.client.persist(event(key, 4))

    @law("D-04", Need.DELETION, guarantee=10)
    async def test_the_same_deletion_again_changes_nothing(self, trial: Trial) -> None:
        """Retention runs every night; a deletion that didn't hear its answer runs again."""
        key = trial.key()
        stored = await trial.fill(key, 5)
        for up_to in (3, 3, 2, 1, 3):
            await trial.client.delete_events(key, up_to=up_to)
            found = await trial.client.events(key)
            _expect_remains(trial, found, 3, stored[3:], f"up to 3, then up to {up_to}: a tombstone at 3, then 4 and 5")

    @law("D-05", Need.DELETION, guarantee=10)
    async def test_deletion_in_steps_is_deletion(self, trial: Trial) -> None:
        """Each step takes the earlier tombstone with it: one remains, at the last number deleted."""
        key = trial.key()
        stored = await trial.fill(key, 9)
        for up_to in (1, 2, 5, 8):
            await trial.client.delete_events(key, up_to=up_to)
            promise = f"after deletion up to {up_to}, one tombstone at {up_to}, then the rest"
            _expect_remains(trial, await trial.client.events(key), up_to, stored[up_to:], promise)

    @law("D-06", Need.DELETION, guarantee=10)
    async def test_deletion_of_nothing_does_nothing(self, trial: Trial) -> None:
        """Up to 0, or of a key that was never written: no error, no tombstone, and numbers begin at 1."""
        key, unknown = trial.key(), trial.key()
        stored = await trial.fill(key, 2)
        await trial.client.delete_events(key, up_to=0)
        await trial.expect_journal(key, stored, "deletion up to 0 deletes nothing")
        await trial.client.delete_events(unknown, up_to=5)
        await trial.expect_journal(unknown, [], "deletion in an unknown key leaves it unknown")
        await trial.client.persist(event(unknown, 1))

    @law("D-07", Need.DELETION, guarantee=6)
    async def test_deletion_touches_one_key_only(self, trial: Trial) -> None:
        """Keys that look alike (a prefix, another case, a wildcard) keep their events."""
        common = trial.key("-a")
        others = [common + "b", common[:-1], common.upper(), common[:-1] + "%", common + " ", common[:-1] + "_"]
        stored = {key: await trial.fill(key, 2) for key in others}
        for key in (common, common[:-1] + "*"):
            await trial.fill(key, 2)
            await trial.client.delete_events(key, up_to=2)
        await trial.client.delete_events(others[3], up_to=1)
        for key in others[:3] + others[4:]:
            await trial.expect_journal(key, stored[key], "deletion in one key leaves the others alone")

    @law("D-08", Need.DELETION, guarantee=2)
    async def test_windows_over_a_deleted_prefix_are_windows(self, trial: Trial) -> None:
        """A window may begin inside what was deleted: it has the tombstone if that follows `after`, then the rest."""
        key = trial.key()
        await trial.fill(key, 8)
        await trial.client.delete_events(key, up_to=5)
        whole = [5, 6, 7, 8]
        for after in range(10):
            for limit in (None, 0, 1, 2, 4, 9):
                wanted = [number for number in whole if number > after][:limit]
                found = await trial.client.numbers(key, after=after, limit=limit)
                trial.expect(found, wanted, f"after={after}, limit={limit} over a tombstone at 5 yields {wanted}")

    @law("D-09", Need.DELETION, guarantee=10)
    async def test_a_deleted_number_is_never_used_again(self, trial: Trial) -> None:
        """A new event can't take a deleted event's number, neither while others follow nor when none is left."""
        key = trial.key()
        stored = await trial.fill(key, 4)
        await trial.client.delete_events(key, up_to=3)
        for number in (1, 2, 3):
            call = trial.client.persist(event(key, number, "again"))
            await trial.refused(SequenceConflictError, call, f"a new event {number} is refused")
        found = await trial.client.events(key)
        _expect_remains(trial, found, 3, stored[3:], "refused events change nothing")

    @law("D-10", Need.DELETION, Need.SECOND_CLIENT, guarantee=10)
    async def test_a_deletion_outlives_its_client(self, trial: Trial) -> None:
        """Deleted events stay deleted, and the numbers go on, for a client that knows nothing of it."""
        key = trial.key()
        await trial.fill(key, 5)
        await trial.client.delete_events(key, up_to=5)
        other = await trial.another_client()
        _expect_remains(trial, await other.events(key), 5, [], "another client sees the tombstone at 5")
        await trial.client.aclose()
        third = await trial.another_client()
        call = third.persist(event(key, 1))
        await trial.refused(SequenceConflictError, call, "a new event 1 is refused by any client")
        await third.persist(event(key, 6))

    @law("D-11", Need.DELETION, guarantee=8)
    async def test_a_replay_stays_honest_while_events_are_deleted(self, trial: Trial) -> None:
        """A replay that deletion overtakes goes on upwards to the journal's end; it doesn't stop at the hole."""
        key = trial.key()
        await trial.fill(key, 400)
        replay = await trial.client.replay(key)
        seen = [found.sequence_number for found in [await trial.client.next(replay) for _ in range(3)] if found]
        await trial.client.delete_events(key, up_to=390)
        seen += [each.sequence_number for each in await trial.client.rest(replay)]
        trial.expect(seen, sorted(set(seen)), "the numbers of a replay only grow")
        trial.expect(seen[-11:], list(range(390, 401)), "it yields 390 (the event, or its tombstone) to 400")

    @law("D-12", Need.DELETION, guarantee=10)
    async def test_deletion_is_not_undone_by_a_retry(self, trial: Trial) -> None:
        """A late retry of a deleted event may succeed or be a conflict; it never brings the data back."""
        key = trial.key()
        stored = await trial.fill(key, 3)
        await trial.client.delete_events(key, up_to=2)
        for late in stored[:2]:
            await trial.outcomes([trial.client.persist(late)])
            found = await trial.client.events(key)
            _expect_remains(
                trial, found, 2, stored[2:], f"a retry of the deleted event {late.sequence_number} changes nothing"
            )

    @law("D-13", Need.DELETION, Need.SECOND_CLIENT, guarantee=10)
    async def test_deletion_while_events_are_added_loses_none(self, trial: Trial) -> None:
        """Retention works on living journals: what is persisted meanwhile is there, and the numbers stay dense."""
        key, other = trial.key(), await trial.another_client()
        await trial.fill(key, 5)

        async def append() -> None:
            for number in range(6, 36):
                await trial.client.persist(event(key, number))

        async def retain(client: Client) -> None:
            for up_to in range(1, 30):
                await client.delete_events(key, up_to=min(up_to, 5))

        await trial.at_once([append(), retain(other), retain(trial.client)])
        found = await trial.client.numbers(key)
        trial.expect(found, list(range(5, 36)), "deletion up to 5 leaves 5 (a tombstone) and 6 to 35")

    @law("D-14", Need.DELETION, guarantee=2)
    async def test_a_filter_by_tags_yields_no_tombstone(self, trial: Trial) -> None:
        """A tombstone carries no tags, so no filter finds it; the events after it are found."""
        key = trial.key()
        await _tagged(trial, key, 5)
        await trial.client.delete_events(key, up_to=3)
        found = [each.sequence_number for each in await trial.client.events(key, tags=["all"])]
        trial.expect(found, [4, 5], "tags=['all'] yields the events that still carry the tag")

    @law("D-15", Need.DELETION, Need.BATCHES, guarantee=10)
    async def test_a_batch_follows_a_tombstone(self, trial: Trial) -> None:
        """Batches keep to the numbers of what was deleted, as single events do."""
        key = trial.key()
        await trial.fill(key, 4)
        await trial.client.delete_events(key, up_to=4)
        call = trial.client.persist_all([event(key, 1), event(key, 2)])
        await trial.refused(SequenceConflictError, call, "a batch of new events 1 and 2 is refused")
        behind = [event(key, 5), event(key, 6)]
        await trial.client.persist_all(behind)
        _expect_remains(trial, await trial.client.events(key), 4, behind, "the batch of 5 and 6 follows the tombstone")

    @law("D-16", Need.DELETION, guarantee=10)
    async def test_a_long_prefix_is_deleted_whole(self, trial: Trial) -> None:
        """Thousands of events are deleted as three are: none of them is left in a page that was passed over."""
        key = trial.key()
        stored = await trial.fill(key, 3_000 if trial.offers(Need.BATCHES) else 600)
        up_to = len(stored) - 7
        await trial.client.delete_events(key, up_to=up_to)
        _expect_remains(
            trial, await trial.client.events(key), up_to, stored[up_to:], f"one tombstone at {up_to}, then seven"
        )

    @law("D-17", Need.DELETION, Need.SECOND_CLIENT, guarantee=10)
    async def test_a_tombstone_keeps_the_id_of_the_last_deleted_event(self, trial: Trial) -> None:
        """By it a snapshot is recognised as one of this journal, when the events that went into it are gone."""
        key = trial.key()
        stored = await trial.fill(key, 5)
        for up_to in (2, 2, 1, 4):
            await trial.client.delete_events(key, up_to=up_to)
            await _expect_tombstone(trial, trial.client, stored[max(up_to, 2) - 1])
        fresh = await trial.another_client()
        await _expect_tombstone(trial, fresh, stored[3])
        await fresh.delete_events(key, up_to=9)
        await _expect_tombstone(trial, fresh, stored[4])
        await fresh.persist(event(key, 6))
        await fresh.aclose()
        await _expect_tombstone(trial, await trial.another_client(), stored[4])

    @law("D-18", Need.DELETION, guarantee=10)
    async def test_a_deletion_beyond_64_bits_deletes_all_there_is(self, trial: Trial) -> None:
        """A bound above everything is the last event; one below zero deletes nothing."""
        for bound in (2**63, 2**64, 10**30):
            key = trial.key()
            stored = await trial.fill(key, 3)
            await trial.client.delete_events(key, up_to=-bound)
            await trial.expect_journal(key, stored, f"deletion up to -{bound} deletes nothing")
            await trial.client.delete_events(key, up_to=bound)
            await _expect_tombstone(trial, trial.client, stored[2])
            await trial.client.persist(event(key, 4))


async def _expect_tombstone(trial: Trial, client: Client, last: PersistedEvent) -> None:
    """Returns if the journal begins with the tombstone of this event."""
    first = (await client.events(last.key))[0]
    found = (first.sequence_number, first.is_deleted, first.event_id)
    promise = f"after deletion up to {last.sequence_number}, its event_id is that of the tombstone"
    trial.expect(found, (last.sequence_number, True, last.event_id), promise)


async def _tagged(trial: Trial, key: str, count: int) -> list[PersistedEvent]:
    stored = [event(key, number, tags=["all"]) for number in range(1, count + 1)]
    for each in stored:
        await trial.client.persist(each)
    return stored


def _expect_remains(
    trial: Trial, found: list[PersistedEvent], tombstone: int, behind: list[PersistedEvent], promise: str
) -> None:
    """Returns if exactly this tombstone and these events are left."""
    dead = [(each.sequence_number, each.data) for each in found if each.is_deleted]
    trial.expect(dead, [(tombstone, None)], promise)
    trial.expect_events([each for each in found if not each.is_deleted], behind, promise)
