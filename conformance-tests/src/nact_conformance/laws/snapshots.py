"""S: snapshots are an optimisation, and never more than that."""

from __future__ import annotations

from typing import Any

from nact.errors import InvalidEventError
from nact.persistence import PersistedSnapshot
from nact.persistence.records import new_event_id
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


def snapshot(key: str, number: int, data: Any = None) -> PersistedSnapshot:
    """A snapshot of `key`; its data is `number`, if none are given."""
    return PersistedSnapshot(key=key, sequence_number=number, data=number if data is None else data)


class SnapshotLaws:
    """States of keys are kept, and the latest is found."""

    @law("S-01", Need.SNAPSHOTS, guarantee=11)
    async def test_a_key_without_snapshots_has_none(self, trial: Trial) -> None:
        """A first start, and one after all snapshots were deleted, begins with the events."""
        trial.expect(await trial.client.latest_snapshot(trial.key()), None, "an unknown key has no snapshot")
        key = trial.key()
        await trial.fill(key, 3)
        trial.expect(await trial.client.latest_snapshot(key), None, "a key with events only has no snapshot")

    @law("S-02", Need.SNAPSHOTS, guarantee=9)
    async def test_a_snapshot_comes_back_as_it_was_taken(self, trial: Trial) -> None:
        """Key, number, data and time: all fields, of the same types."""
        key = trial.key()
        data = {"a": [1, 1.0, None, True, {"b": ""}], "é": "\u2028", "big": 2**63 - 1, "tiny": -0.0}
        taken = PersistedSnapshot(key=key, sequence_number=7, data=data, created_at=1_234_567_890_123)
        await trial.client.take_snapshot(taken)
        await _expect_latest(trial, key, taken, "the snapshot comes back as it was taken")
        found = await trial.client.latest_snapshot(key)
        trial.expect_same(found and found.created_at, taken.created_at, "its time comes back")

    @law("S-03", Need.SNAPSHOTS, guarantee=11)
    async def test_an_older_snapshot_never_replaces_a_newer_one(self, trial: Trial) -> None:
        """A slow writer's snapshot of 5 may arrive after that of 10: the latest is the one with the highest number."""
        key = trial.key()
        await trial.client.take_snapshot(snapshot(key, 10))
        await trial.client.take_snapshot(snapshot(key, 5))
        await _expect_latest(trial, key, snapshot(key, 10), "after snapshots of 10 and then 5, the latest is 10")

    @law("S-04", Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_of_the_same_number_is_replaced(self, trial: Trial) -> None:
        """A state may be written again, after a change of its format: the last one counts."""
        key = trial.key()
        for data in ("first", "second", "third"):
            await trial.client.take_snapshot(snapshot(key, 4, data))
        await _expect_latest(trial, key, snapshot(key, 4, "third"), "of three snapshots of 4, the last is kept")

    @law("S-05", Need.SNAPSHOTS, guarantee=11)
    async def test_an_older_snapshot_can_be_asked_for(self, trial: Trial) -> None:
        """`up_to` finds the next older one, for recovery when the latest can't be read."""
        key = trial.key()
        for number in (2, 9, 10, 100):
            await trial.client.take_snapshot(snapshot(key, number))
        for up_to, wanted in ((1, None), (2, 2), (8, 2), (9, 9), (10, 10), (99, 10), (100, 100), (2**63 - 1, 100)):
            found = await trial.client.latest_snapshot(key, up_to=up_to)
            trial.expect(
                found and found.sequence_number,
                wanted,
                f"of snapshots at 2, 9, 10 and 100, the latest up to {up_to} is {wanted}",
            )

    @law("S-06", Need.SNAPSHOTS, guarantee=11)
    async def test_deletion_of_snapshots_includes_its_bound(self, trial: Trial) -> None:
        """Up to and including; those above stay."""
        key = trial.key()
        for number in (1, 5, 9, 10):
            await trial.client.take_snapshot(snapshot(key, number))
        for up_to, at_ten, at_nine in ((4, 10, 9), (5, 10, 9), (9, 10, None), (10, None, None), (10, None, None)):
            await trial.client.delete_snapshots(key, up_to=up_to)
            found = [await trial.client.latest_snapshot(key), await trial.client.latest_snapshot(key, up_to=9)]
            numbers = [each.sequence_number if each else None for each in found]
            trial.expect(
                numbers, [at_ten, at_nine], f"after deletion up to {up_to}, the latest, and the latest up to 9"
            )

    @law("S-07", Need.SNAPSHOTS, guarantee=6)
    async def test_snapshots_of_keys_do_not_mix(self, trial: Trial) -> None:
        """Keys that look alike (case, blank, prefix) have snapshots of their own, and lose only their own."""
        common = trial.key("-")
        keys = [common + ending for ending in ("a", "A", "a ", "ab", "a%", "á", "a\u0301", "a:1", "a:10")]
        for key in keys:
            await trial.client.take_snapshot(snapshot(key, 3, key))
        for key in keys:
            await _expect_latest(trial, key, snapshot(key, 3, key), "each key has its own snapshot")
        await trial.client.delete_snapshots(keys[4], up_to=10)
        for key in keys[:4] + keys[5:]:
            await _expect_latest(trial, key, snapshot(key, 3, key), "deletion in one key leaves the others alone")

    @law("S-08", Need.SNAPSHOTS, guarantee=11)
    async def test_deleting_snapshots_leaves_the_events(self, trial: Trial) -> None:
        """Without snapshots an actor recovers from its events: these are the truth."""
        key = trial.key()
        stored = await trial.fill(key, 5)
        await trial.client.take_snapshot(snapshot(key, 5))
        await trial.client.delete_snapshots(key, up_to=5)
        await trial.expect_journal(key, stored, "the events are as they were")
        await trial.client.delete_snapshots(trial.key(), up_to=5)
        await trial.client.persist(event(key, 6))

    @law("S-09", Need.SNAPSHOTS, Need.DELETION, guarantee=11)
    async def test_deleting_events_leaves_the_snapshots(self, trial: Trial) -> None:
        """Retention takes a snapshot, then deletes the events that went into it: the snapshot is all that is left."""
        key = trial.key()
        await trial.fill(key, 5)
        await trial.client.take_snapshot(snapshot(key, 5, "all five"))
        await trial.client.delete_events(key, up_to=5)
        await _expect_latest(trial, key, snapshot(key, 5, "all five"), "the snapshot outlives its events")

    @law("S-10", Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_and_the_tail_are_the_whole(self, trial: Trial) -> None:
        """Recovery from any snapshot and the events after it gives the state that full replay gives."""
        key, total = trial.key(), 0
        for number in range(1, 21):
            await trial.client.persist(event(key, number, number * number))
            total += number * number
            if number % 6 == 0:
                await trial.client.take_snapshot(snapshot(key, number, total))
        for up_to in (20, 17, 11):
            start = await trial.client.latest_snapshot(key, up_to=up_to)
            if start is None:
                trial.expect(start, up_to // 6 * 6, f"there is a snapshot up to {up_to}")
                continue
            tail = await trial.client.events(key, after=start.sequence_number)
            recovered = start.data + sum(each.data for each in tail)
            trial.expect(recovered, total, f"the snapshot of {start.sequence_number} and its tail give the full state")

    @law("S-11", Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_is_not_the_living_state(self, trial: Trial) -> None:
        """A later change of the actor's state, or of a snapshot that was read, doesn't reach the storage."""
        key, state = trial.key(), {"names": ["Ada"]}
        await trial.client.take_snapshot(snapshot(key, 1, state))
        state["names"].append("Bob")
        wanted = snapshot(key, 1, {"names": ["Ada"]})
        await _expect_latest(trial, key, wanted, "a change of the state after the snapshot isn't in it")
        found = await trial.client.latest_snapshot(key)
        if found is not None:
            found.data["names"].clear()
        await _expect_latest(trial, key, wanted, "a change of what was read isn't in the storage")

    @law("S-12", Need.SNAPSHOTS, guarantee=9)
    async def test_a_snapshot_that_cannot_be_stored_exactly_is_refused(self, trial: Trial) -> None:
        """NaN, a tuple, an int key, an int beyond 64 bits: refused; the snapshot that was there stays."""
        key = trial.key()
        await trial.client.take_snapshot(snapshot(key, 1, "good"))
        for data in (float("nan"), [float("inf")], {"a": (1, 2)}, {1: "a"}, 2**63, "\ud800", {"a": {1}}, b"bytes"):
            for number in (1, 2):
                call = trial.client.take_snapshot(snapshot(key, number, data))
                await trial.refused(InvalidEventError, call, f"a snapshot of {data!r} is refused")
            await _expect_latest(trial, key, snapshot(key, 1, "good"), "the earlier snapshot stays")

    @law("S-13", Need.SNAPSHOTS, Need.SECOND_CLIENT, guarantee=1)
    async def test_a_snapshot_outlives_its_client(self, trial: Trial) -> None:
        """Another client sees a snapshot when it is taken, and when its client is closed."""
        key, other = trial.key(), await trial.another_client()
        await trial.client.take_snapshot(snapshot(key, 3))
        await _expect_latest(trial, key, snapshot(key, 3), "another client sees the snapshot", other)
        await trial.client.take_snapshot(snapshot(key, 4))
        await trial.client.aclose()
        await _expect_latest(trial, key, snapshot(key, 4), "another client sees it when its client is closed", other)

    @law("S-14", Need.SNAPSHOTS, guarantee=9)
    async def test_a_large_snapshot_comes_back_whole(self, trial: Trial) -> None:
        """States grow: some megabytes come back, and are replaced by some more."""
        key = trial.key()
        for number, size in enumerate((1_000_000, 4_000_000), 1):
            taken = snapshot(key, number, {"state": "é" * (size // 2), "numbers": list(range(1000))})
            await trial.client.take_snapshot(taken)
            await _expect_latest(trial, key, taken, f"a snapshot of {size // 1_000_000} MB comes back whole")

    @law("S-15", Need.SNAPSHOTS, guarantee=11)
    async def test_snapshots_are_ordered_by_exact_numbers(self, trial: Trial) -> None:
        """Not by text (9 above 10), nor by floats (2**53 + 1 taken for 2**53), nor by time."""
        for low, high in ((9, 10), (99, 100), (2**31 - 1, 2**31), (2**53, 2**53 + 1), (2**63 - 2, 2**63 - 1)):
            key = trial.key()
            for number in (high, low):
                await trial.client.take_snapshot(snapshot(key, number))
            await _expect_latest(
                trial, key, snapshot(key, high), f"of snapshots at {low} and {high}, the latest is {high}"
            )
            found = await trial.client.latest_snapshot(key, up_to=low)
            trial.expect(found and found.sequence_number, low, f"the latest up to {low} is {low}")

    @law("S-16", Need.SNAPSHOTS, guarantee=11)
    async def test_snapshots_taken_at_once_are_all_kept(self, trial: Trial) -> None:
        """Many actors take snapshots at once, and one key's may overtake each other."""
        key, others = trial.key(), [trial.key() for _ in range(40)]
        taken = [snapshot(key, number) for number in range(1, 11)] + [snapshot(other, 1) for other in others]
        await trial.at_once(trial.client.take_snapshot(each) for each in taken)
        await _expect_latest(trial, key, snapshot(key, 10), "of ten snapshots taken at once, the latest is 10")
        for other in others:
            await _expect_latest(trial, other, snapshot(other, 1), "each of forty keys has its snapshot")

    @law("S-17", Need.SNAPSHOTS, Need.SECOND_CLIENT, guarantee=9)
    async def test_a_snapshot_comes_back_with_the_id_of_its_event(self, trial: Trial) -> None:
        """By it recovery recognises a snapshot that stands on an event of another history; None stays None."""
        for identity in (new_event_id(), None, "é\u2028 '\"$ \\", "x" * 1000):
            key = trial.key()
            taken = PersistedSnapshot(key=key, sequence_number=3, data=[3], event_id=identity)
            await trial.client.take_snapshot(taken)
            for client in (trial.client, await trial.another_client()):
                await _expect_event_id(trial, client, taken, "the id comes back as it was taken")

    @law("S-18", Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_that_is_replaced_gets_the_new_id(self, trial: Trial) -> None:
        """After a failover another event has the number: its snapshot comes with its own id, not with the old one."""
        key = trial.key()
        first, second = new_event_id(), new_event_id()
        await trial.client.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data="older", event_id=first))
        for identity in (first, second, None, second):
            taken = PersistedSnapshot(key=key, sequence_number=4, data=identity, event_id=identity)
            await trial.client.take_snapshot(taken)
            await _expect_event_id(trial, trial.client, taken, "the id of the last snapshot of a number counts")
        older = await trial.client.latest_snapshot(key, up_to=3)
        trial.expect(older and older.event_id, first, "the older snapshot keeps its own id")

    @law("S-19", Need.SNAPSHOTS, guarantee=11)
    async def test_a_bound_of_snapshots_beyond_64_bits_is_all_of_them(self, trial: Trial) -> None:
        """The latest up to 2**64 is the latest, and deletion up to there deletes them all; below zero there is none."""
        for bound in (2**63, 2**64, 10**30):
            key = trial.key()
            await trial.client.take_snapshot(snapshot(key, 3))
            found = await trial.client.latest_snapshot(key, up_to=bound)
            trial.expect(found and found.sequence_number, 3, f"the latest up to {bound} is the latest")
            await trial.client.delete_snapshots(key, up_to=-bound)
            await _expect_latest(trial, key, snapshot(key, 3), f"deletion up to -{bound} deletes nothing")
            await trial.client.delete_snapshots(key, up_to=bound)
            trial.expect(await trial.client.latest_snapshot(key), None, f"deletion up to {bound} deletes all")


async def _expect_event_id(trial: Trial, client: Client, taken: PersistedSnapshot, promise: str) -> None:
    """Returns if the latest snapshot has these data and this event's id."""
    found = await client.latest_snapshot(taken.key)
    trial.expect(found and (found.data, found.event_id), (taken.data, taken.event_id), promise)


async def _expect_latest(
    trial: Trial, key: str, wanted: PersistedSnapshot, promise: str, client: Client | None = None
) -> None:
    """Returns if the key's latest snapshot has this number and these data."""
    found = await (client or trial.client).latest_snapshot(key)
    number = found.sequence_number if found else None
    trial.expect(number, wanted.sequence_number, promise)
    if found is not None:
        trial.expect_same(found.data, wanted.data, promise)
        trial.expect_same(found.key, wanted.key, promise)
