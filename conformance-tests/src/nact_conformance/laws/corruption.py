"""M: corruption is reported. The back door plants what a buggy or an older writer would leave."""

from __future__ import annotations

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._trying.history import NotTriedError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.back_door import BackDoor
from nact_conformance.law import law


class CorruptionLaws:
    """An unreadable record raises `CorruptJournalError` with its place. It isn't left out, nor made `None`."""

    @law("M-01", Need.BACK_DOOR, guarantee=8)
    async def test_a_missing_event_is_reported(self, trial: Trial) -> None:
        """An actor that recovers across a hole has a state that never was; the hole is reported with its place."""
        for missing in (2, 5, 7):
            key = trial.key()
            await trial.fill(key, 8)
            await _back_door(trial).remove_event(key, missing)
            error = await trial.refused(
                CorruptJournalError, trial.client.events(key), f"a journal without event {missing} is reported"
            )
            _expect_place(trial, error, key, missing)

    @law("M-02", Need.BACK_DOOR, guarantee=8)
    async def test_a_missing_beginning_is_reported(self, trial: Trial) -> None:
        """Only a tombstone explains why a journal doesn't begin with 1."""
        key = trial.key()
        await trial.fill(key, 4)
        for number in (1, 2):
            await _back_door(trial).remove_event(key, number)
        promise = "a journal that begins with 3, without a tombstone, is reported"
        error = await trial.refused(CorruptJournalError, trial.client.events(key), promise)
        _expect_place(trial, error, key, None)

    @law("M-03", Need.BACK_DOOR, guarantee=8)
    async def test_an_unreadable_event_is_reported(self, trial: Trial) -> None:
        """A record that can't be read isn't left out and doesn't become None; what stands before it is yielded."""
        key = trial.key()
        await trial.fill(key, 6)
        await _back_door(trial).garble_event(key, 4)
        replay = await trial.client.replay(key)
        promise = "a journal whose event 4 can't be read is reported"
        error = await trial.refused(CorruptJournalError, trial.client.rest(replay), promise)
        _expect_place(trial, error, key, 4)
        trial.expect(await trial.client.numbers(key, limit=3), [1, 2, 3], "the window before it can be read")
        trial.expect(await trial.client.numbers(key, after=4), [5, 6], "the window after it can be read")

    @law("M-04", Need.BACK_DOOR, guarantee=6)
    async def test_a_damaged_key_does_not_fail_the_others(self, trial: Trial) -> None:
        """One key's trouble stays its own."""
        key, other = trial.key(), trial.key()
        await trial.fill(key, 3)
        await trial.fill(other, 3)
        await _back_door(trial).garble_event(key, 2)
        await trial.refused(CorruptJournalError, trial.client.events(key), "the damaged key is reported")
        trial.expect(await trial.client.numbers(other), [1, 2, 3], "the other key is read")
        await trial.client.persist(event(other, 4))

    @law("M-05", Need.BACK_DOOR, Need.BATCHES, guarantee=8)
    async def test_a_torn_batch_is_reported(self, trial: Trial) -> None:
        """A batch that lost an event in its middle isn't read as if it had been so."""
        key = trial.key()
        await trial.client.persist_all([event(key, number) for number in range(1, 6)])
        await _back_door(trial).remove_event(key, 3)
        error = await trial.refused(
            CorruptJournalError, trial.client.events(key), "a batch without its event 3 is reported"
        )
        _expect_place(trial, error, key, 3)

    @law("M-06", Need.BACK_DOOR, guarantee=12)
    async def test_tombstones_of_older_writers_are_yielded(self, trial: Trial) -> None:
        """Older journals kept a deleted event for each number: they open, and their numbers go on."""
        key = trial.key()
        await trial.client.events(key)  # the engine opens, and makes what the back door writes to
        for number in (1, 2, 3):
            dead = PersistedEvent(key=key, sequence_number=number, data=None, is_deleted=True)
            await _back_door(trial).plant_event(dead)
        await trial.client.persist(event(key, 4))
        found = [(each.sequence_number, each.is_deleted, each.data) for each in await trial.client.events(key)]
        wanted = [(1, True, None), (2, True, None), (3, True, None), (4, False, 4)]
        trial.expect(found, wanted, "three tombstones, then event 4")

    @law("M-07", Need.BACK_DOOR, guarantee=12)
    async def test_events_of_older_writers_are_read_and_continued(self, trial: Trial) -> None:
        """A journal that another release wrote is read as it is, and the next number follows."""
        key = trial.key()
        await trial.client.events(key)  # the engine opens, and makes what the back door writes to
        planted = [event(key, number, {"n": number}, tags=["old"]) for number in (1, 2)]
        for each in planted:
            await _back_door(trial).plant_event(each)
        await trial.client.persist(event(key, 3))
        found = await trial.client.events(key)
        trial.expect([each.data for each in found], [{"n": 1}, {"n": 2}, 3], "the planted events, then event 3")
        tagged = [each.sequence_number for each in await trial.client.events(key, tags=["old"])]
        trial.expect(tagged, [1, 2], "planted events are found by their tags")

    @law("M-08", Need.BACK_DOOR, Need.SNAPSHOTS, guarantee=11)
    async def test_an_unreadable_snapshot_is_reported_and_an_older_one_found(self, trial: Trial) -> None:
        """It isn't taken for 'no snapshot'; the error says which one, so that the next older one can be asked for."""
        key = trial.key()
        for number in (2, 5):
            taken = PersistedSnapshot(key=key, sequence_number=number, data=[number])
            await trial.client.take_snapshot(taken)
        await _back_door(trial).garble_snapshot(key, 5)
        call = trial.client.latest_snapshot(key)
        error = await trial.refused(CorruptJournalError, call, "a snapshot that can't be read is reported")
        trial.expect((error.key, error.sequence_number), (key, 5), "the error says which snapshot it is")
        older = await trial.client.latest_snapshot(key, up_to=4)
        trial.expect(older and older.data, [2], "the older snapshot is found")

    @law("M-09", Need.BACK_DOOR, guarantee=2)
    async def test_a_hole_that_a_window_leaves_out_does_not_fail_it(self, trial: Trial) -> None:
        """Only what is asked for is checked: a window after the hole, and a filter by tags, don't fail for it."""
        key = trial.key()
        for number in range(1, 7):
            await trial.client.persist(event(key, number, tags=["t"] if number in {2, 6} else []))
        await _back_door(trial).remove_event(key, 4)
        trial.expect(await trial.client.numbers(key, after=4), [5, 6], "a window after the hole is read")
        trial.expect(await trial.client.numbers(key, limit=3), [1, 2, 3], "a window before the hole is read")
        found = [each.sequence_number for each in await trial.client.events(key, tags=["t"])]
        trial.expect(found, [2, 6], "numbers that a filter leaves out aren't missing")


def _back_door(trial: Trial) -> BackDoor:
    door = trial.suite.back_door()
    if door is None:
        raise NotTriedError(Need.BACK_DOOR)
    return door


def _expect_place(trial: Trial, error: CorruptJournalError, key: str, number: int | None) -> None:
    trial.expect(error.key, key, "the error names the key")
    if number is not None:
        near = (number - 1, number, number + 1)
        trial.expect_one_of(error.sequence_number, near, "the error says where")
