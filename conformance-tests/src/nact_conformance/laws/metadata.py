"""N: metadata, the notes on events and snapshots, is as exact as data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._trying import values
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import NotTriedError, short
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.back_door import MetadataBackDoor
from nact_conformance.law import law

WHO = {"by": "ann", "why": {"ticket": 17, "tags": ["a", None, 1.0]}, "nact.commands": ["é", 2**53 + 1, -0.0]}
DOOMED = "metadata-of-a-deleted-event"


class MetadataLaws:
    """`metadata` is stored exactly or refused, and goes with its event."""

    @law("N-01", guarantee=9)
    async def test_metadata_comes_back_as_it_was(self, trial: Trial) -> None:
        """Numbers keep their types, texts their characters, nesting its shape: an audit trail alters nothing."""
        noted = [{"value": value} for value in (*values.EDGES, *values.TEXTS)]
        await _round_trip(trial, [*noted, {str(place): edge for place, edge in enumerate(values.EDGES)}])

    @law("N-02", guarantee=9)
    async def test_names_in_metadata_come_back_as_they_were(self, trial: Trial) -> None:
        """Dots, dollar signs, an empty name, `nact.`: a database may give these a meaning, a journal doesn't."""
        await _round_trip(trial, [{name: {name: 1}} for name in values.NAMES])
        await _round_trip(trial, [dict.fromkeys(values.NAMES, 1)])

    @law("N-03", guarantee=9)
    async def test_empty_metadata_stays_empty(self, trial: Trial) -> None:
        """`{}` comes back as `{}`, not as None, and not as the metadata of the event before it."""
        await _round_trip(trial, [{}, WHO, {}, {}, {"a": {}}, {"": None}, {}])

    @law("N-04", guarantee=9)
    async def test_metadata_that_is_not_json_is_refused(self, trial: Trial) -> None:
        """NaN, tuples, int keys, dates: refused before anything is stored, and the number stays free."""
        key = trial.key()
        wrong: list[dict[Any, Any]] = [{"a": value} for value in values.REFUSED]
        wrong += [value for value in values.REFUSED if type(value) is dict]
        for good, metadata in enumerate([*wrong, *({"deep": [0, each]} for each in wrong)]):
            call = trial.client.persist(event(key, good + 1, metadata=metadata))
            await trial.refused(InvalidEventError, call, f"metadata {short(metadata)} is refused")
            found = await trial.client.numbers(key, after=good)
            trial.expect(found, [], f"{short(metadata)} was refused before it was stored")
            await trial.client.persist(event(key, good + 1, metadata={"good": good}))

    @law("N-05", guarantee=9)
    async def test_a_nul_or_depth_in_metadata_is_kept_or_refused(self, trial: Trial) -> None:
        """Metadata that the store can't hold is refused. It isn't dropped, cut off or emptied."""
        deep: Any = "bottom"
        for _ in range(60):
            deep = {"down": [deep]}
        for metadata in ({"a": "\0"}, {"a\0b": 1}, {"a": [{"b": "c\0d"}]}, {"deep": deep}, {"large": "é" * 300_000}):
            noted = event(trial.key(), 1, metadata=metadata)
            promise = f"metadata {short(metadata)} is stored exactly or refused"
            try:
                await trial.client.persist(noted)
            except InvalidEventError:
                await trial.expect_journal(noted.key, [], promise)
            else:
                await trial.expect_journal(noted.key, [noted], promise)

    @law("N-06", guarantee=4)
    async def test_a_retry_leaves_metadata_as_it_was(self, trial: Trial) -> None:
        """A retry is recognised by its id. It succeeds, and stores nothing: neither other metadata nor none."""
        key = trial.key()
        stored = [event(key, 1, metadata={"try": 1}), event(key, 2), event(key, 3, metadata=WHO)]
        for each in stored:
            await trial.client.persist(each)
        for metadata in ({"try": 1}, {"try": 2}, {}):
            for each in stored:
                await trial.client.persist(msgspec.structs.replace(each, metadata=metadata))
            await trial.expect_journal(key, stored, "after a retry the metadata is that of the first try")

    @law("N-07", Need.BATCHES, guarantee=9)
    async def test_each_event_of_a_batch_keeps_its_own_metadata(self, trial: Trial) -> None:
        """A bulk path has an encoder of its own: odd, equal and empty metadata stay with their events."""
        key = trial.key()
        noted = [{"value": value} for value in (*values.EDGES, *values.TEXTS)]
        mixed: list[dict[str, Any]] = [{}, *noted, {}, {}, WHO, WHO, {}]
        stored = [event(key, number, metadata=each) for number, each in enumerate(mixed, 1)]
        await trial.client.persist_all(stored)
        await trial.client.persist_all(stored)
        await trial.expect_journal(key, stored, "each event of a batch has its own metadata")

    @law("N-08", Need.BATCHES, guarantee=5)
    async def test_a_batch_with_bad_metadata_stores_nothing(self, trial: Trial) -> None:
        """One event whose metadata can't be stored exactly, first, middle or last, refuses the whole batch."""
        for place in range(3):
            key = trial.key()
            events = [event(key, number, metadata={"n": number}) for number in (1, 2, 3)]
            events[place] = event(key, place + 1, metadata={"not": [float("nan")]})
            call = trial.client.persist_all(events)
            await trial.refused(InvalidEventError, call, f"NaN in the metadata at place {place} is refused")
            await trial.expect_journal(key, [], "the refused batch stored nothing")

    @law("N-09", guarantee=6)
    async def test_metadata_of_keys_written_at_once_does_not_mix(self, trial: Trial) -> None:
        """Writes of many actors travel together; each event keeps its own metadata, and one without any gets none."""
        keys = [trial.key() for _ in range(60)]
        stored = {key: event(key, 1, metadata={"by": key} if place % 3 else {}) for place, key in enumerate(keys)}
        await trial.at_once(trial.client.persist(each) for each in stored.values())
        for key, each in stored.items():
            await trial.expect_journal(key, [each], "of sixty events persisted at once, each has its own metadata")

    @law("N-10", guarantee=9)
    async def test_metadata_is_what_it_was_when_persist_was_called(self, trial: Trial) -> None:
        """An application may go on to use its dict, even while the write is under way."""
        key = trial.key()
        await trial.client.persist(event(key, 1))
        for number in (2, 3):
            metadata: dict[str, Any] = {"by": "ann", "more": ["a"]}
            writing = asyncio.ensure_future(trial.client.persist(event(key, number, metadata=metadata)))
            await asyncio.sleep(0)
            metadata["more"].append(object())
            metadata["by"] = "bob"
            await writing
            found = [each.metadata for each in await trial.client.events(key, after=number - 1)]
            trial.expect(found, [{"by": "ann", "more": ["a"]}], "a change of the dict after the call isn't stored")

    @law("N-11", guarantee=9)
    async def test_events_share_no_metadata(self, trial: Trial) -> None:
        """One dict may serve several events, changed in between. What a reader changes in one event stays there."""
        key = trial.key()
        metadata: dict[str, Any] = {"turn": 0, "names": []}
        for number in (1, 2, 3):
            metadata["turn"] = number
            metadata["names"].append(number)
            await trial.client.persist(event(key, number, metadata=metadata))
        for number in (4, 5):
            await trial.client.persist(event(key, number))
        wanted: list[Any] = [{"turn": n, "names": list(range(1, n + 1))} for n in (1, 2, 3)]
        for _ in range(2):
            found = [each.metadata for each in await trial.client.events(key)]
            trial.expect_same(found, [*wanted, {}, {}], "each event has the metadata that it was persisted with")
            for each in found[:4]:
                each["spoiled"] = True  # type: ignore[index]
            trial.expect(found[4], {}, "a change of one event's metadata doesn't show in another's")

    @law("N-12", Need.SECOND_CLIENT, guarantee=1)
    async def test_another_client_reads_the_same_metadata(self, trial: Trial) -> None:
        """Metadata is in the storage, not in the client that wrote it."""
        key, other = trial.key(), await trial.another_client()
        stored = [event(key, number, metadata=each) for number, each in enumerate([WHO, {}, {"a": 1e22}], 1)]
        for each in stored:
            await trial.client.persist(each)
        await trial.expect_journal(key, stored, "another client reads the metadata", client=other)
        await trial.client.aclose()
        third = await trial.another_client()
        await trial.expect_journal(key, stored, "metadata outlives its client", client=third)

    @law("N-13", Need.OTHER_PROCESSES, guarantee=1)
    async def test_another_process_reads_the_same_metadata(self, trial: Trial) -> None:
        """Metadata travels between processes, both ways, and survives the kill of its writer."""
        key, worker = trial.key(), await trial.process()
        stored = [event(key, 1, metadata=WHO), event(key, 2), event(key, 3, metadata={"é": [1e22]})]
        await trial.client.persist(stored[0])
        for each in stored[1:]:
            worker.order_persist(each)
            await worker.acknowledgement()
        worker.order("tell", key=key)
        told = (await worker.acknowledgement())["metadata"]
        trial.expect_same(told, [each.metadata for each in stored], "another process reads the metadata")
        await worker.kill()
        await trial.expect_journal(key, stored, "metadata survives the kill of its writer")

    @law("N-14", guarantee=9)
    async def test_every_window_has_the_metadata(self, trial: Trial) -> None:
        """A window, and a filter by tags, may have a statement of its own: it reads metadata, too."""
        key = trial.key()
        stored = [event(key, n, tags=["t"] if n % 2 else [], metadata={"n": n} if n % 3 else {}) for n in range(1, 13)]
        for each in stored:
            await trial.client.persist(each)
        for after, limit in ((0, 5), (4, 3), (7, None), (11, 1)):
            found = await trial.client.events(key, after=after, limit=limit)
            promise = f"a window of after={after}, limit={limit} has the metadata"
            trial.expect_events(found, stored[after:][:limit], promise)
        tagged = await trial.client.events(key, tags=["t"])
        trial.expect_events(tagged, stored[::2], "events that are found by a tag have their metadata")

    @law("N-15", Need.DELETION, Need.SECOND_CLIENT, guarantee=10)
    async def test_deletion_takes_the_metadata_along(self, trial: Trial) -> None:
        """Metadata says who did what: a tombstone has none. The events that stay keep theirs."""
        key = trial.key()
        stored = [event(key, number, metadata={"by": DOOMED}) for number in range(1, 7)]
        for each in stored:
            await trial.client.persist(each)
        await trial.client.delete_events(key, up_to=2)
        await trial.client.delete_events(key, up_to=4)
        for client in (trial.client, await trial.another_client()):
            found = await client.events(key)
            trial.expect([each.metadata for each in found[:1]], [{}], "a tombstone has no metadata")
            trial.expect_events(found[1:], stored[4:], "the events after the tombstone keep theirs")
        await trial.outcomes([trial.client.persist(stored[3])])
        found = await trial.client.events(key, limit=1)
        trial.expect([each.metadata for each in found], [{}], "a retry doesn't bring metadata back")

    @law("N-16", Need.METADATA_BACK_DOOR, Need.DELETION, guarantee=10)
    async def test_deleted_metadata_is_in_no_record(self, trial: Trial) -> None:
        """Erasure is complete: no record of the storage holds the metadata, not even one that the engine hides."""
        key, door = trial.key(), _back_door(trial)
        doomed = f"metadata-of-{uuid4().hex}-"  # of this trial: other laws leave records with metadata
        for number in range(1, 4):
            await trial.client.persist(event(key, number, metadata={"by": f"{doomed}{number}", "é": [doomed]}))
        for number in (1, 2, 3):
            held = await door.holds(f"{doomed}{number}")
            trial.expect(held, True, "before the deletion metadata can be read in the storage")
        await trial.client.delete_events(key, up_to=2)
        held_then = [await door.holds(f"{doomed}{number}") for number in (1, 2, 3)]
        trial.expect(held_then, [False, False, True], "after deletion up to 2, records hold the metadata of 3 only")
        await trial.client.delete_events(key, up_to=3)
        trial.expect(await door.holds(doomed), False, "after deletion of all, no record holds metadata")

    @law("N-17", Need.SNAPSHOTS, Need.SECOND_CLIENT, guarantee=9)
    async def test_metadata_of_a_snapshot_comes_back_as_it_was(self, trial: Trial) -> None:
        """Snapshots carry metadata, too, for every client, and `{}` stays `{}`."""
        key = trial.key()
        noted: list[dict[str, Any]] = [
            {},
            WHO,
            {"all": list(values.EDGES)},
            dict.fromkeys(values.NAMES, 1),
            *({"t": t} for t in values.TEXTS),
        ]
        for number, metadata in enumerate([*noted, {}], 1):
            taken = PersistedSnapshot(key=key, sequence_number=number, data=number, metadata=metadata)
            await trial.client.take_snapshot(taken)
            await _expect_snapshot(trial, trial.client, taken)
        other = await trial.another_client()
        for number in (2, 3):
            found = await other.latest_snapshot(key, up_to=number)
            trial.expect_same(found and found.metadata, noted[number - 1], "another client reads the metadata")

    @law("N-18", Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_that_is_replaced_gets_the_new_metadata(self, trial: Trial) -> None:
        """A snapshot of the same number replaces all of the old one. An older snapshot keeps its own metadata."""
        key = trial.key()
        older = PersistedSnapshot(key=key, sequence_number=2, data="older", metadata={"is": "older"})
        await trial.client.take_snapshot(older)
        for metadata in ({"is": 1}, {"more": [1]}, {}, {"is": 2}):
            taken = PersistedSnapshot(key=key, sequence_number=4, data="newer", metadata=metadata)
            await trial.client.take_snapshot(taken)
            await _expect_snapshot(trial, trial.client, taken)
        found = await trial.client.latest_snapshot(key, up_to=3)
        trial.expect_same(found and found.metadata, older.metadata, "the older snapshot keeps its own metadata")

    @law("N-19", Need.SNAPSHOTS, guarantee=9)
    async def test_a_snapshot_with_metadata_that_is_not_json_is_refused(self, trial: Trial) -> None:
        """Refused, and the snapshot that was there stays."""
        key = trial.key()
        good = PersistedSnapshot(key=key, sequence_number=1, data="good", metadata=WHO)
        await trial.client.take_snapshot(good)
        for value in (float("nan"), (1, 2), {1: "a"}, 2**63, "\ud800", b"bytes", object()):
            for number in (1, 2):
                wrong = PersistedSnapshot(key=key, sequence_number=number, data=0, metadata={"a": [value]})
                call = trial.client.take_snapshot(wrong)
                await trial.refused(InvalidEventError, call, f"a snapshot with metadata {value!r} is refused")
            await _expect_snapshot(trial, trial.client, good)

    @law("N-20", Need.SNAPSHOTS, guarantee=11)
    async def test_metadata_of_a_snapshot_is_no_living_dict(self, trial: Trial) -> None:
        """A later change of the dict, or of a snapshot that was read, doesn't reach the storage."""
        key = trial.key()
        metadata: dict[str, Any] = {"names": ["Ada"]}
        await trial.client.take_snapshot(PersistedSnapshot(key=key, sequence_number=1, data=1, metadata=metadata))
        metadata["names"].append("Bob")
        for _ in range(2):
            found = await trial.client.latest_snapshot(key)
            trial.expect_same(found and found.metadata, {"names": ["Ada"]}, "the metadata is what it was when taken")
            if found is not None:
                found.metadata["names"].clear()

    @law("N-21", Need.METADATA_BACK_DOOR, guarantee=8)
    async def test_unreadable_metadata_is_reported(self, trial: Trial) -> None:
        """It isn't taken for none: who caused an event is a part of the truth. The windows beside it can be read."""
        key = trial.key()
        for number in range(1, 6):
            await trial.client.persist(event(key, number, metadata={"n": number}))
        await _back_door(trial).garble_metadata(key, 3)
        call = trial.client.events(key)
        error = await trial.refused(CorruptJournalError, call, "an event whose metadata can't be read is reported")
        trial.expect((error.key, error.sequence_number), (key, 3), "the error says which event it is")
        trial.expect(await trial.client.numbers(key, limit=2), [1, 2], "the window before it can be read")
        trial.expect(await trial.client.numbers(key, after=3), [4, 5], "the window after it can be read")

    @law("N-22", Need.BACK_DOOR, guarantee=12)
    async def test_events_of_older_writers_have_empty_metadata(self, trial: Trial) -> None:
        """Journals that were written before there was metadata are read, and go on with it."""
        key = trial.key()
        await trial.client.events(key)  # the engine opens, and makes what the back door writes to
        door = trial.suite.back_door()
        if door is None:
            raise NotTriedError(Need.BACK_DOOR)
        await door.plant_event(event(key, 1, {"n": 1}))
        noted = event(key, 2, metadata=WHO)
        await trial.client.persist(noted)
        found = await trial.client.events(key)
        trial.expect_same([each.metadata for each in found], [{}, WHO], "the older event has no metadata")


async def _round_trip(trial: Trial, noted: Sequence[dict[str, Any]]) -> None:
    key = trial.key()
    stored: list[PersistedEvent] = []
    for number, metadata in enumerate(noted, 1):
        stored.append(event(key, number, metadata=metadata))
        await trial.client.persist(stored[-1])
    found = await trial.client.events(key)
    for each, meant in zip(found, stored, strict=False):
        trial.expect_same(each.metadata, meant.metadata, f"metadata {short(meant.metadata)} comes back as it was")
    trial.expect_events(found, stored, "all events come back with their metadata")


async def _expect_snapshot(trial: Trial, client: Client, taken: PersistedSnapshot) -> None:
    """Returns if the latest snapshot has these data and this metadata."""
    found = await client.latest_snapshot(taken.key)
    happened = found and (found.sequence_number, found.data, found.metadata)
    wanted = (taken.sequence_number, taken.data, taken.metadata)
    trial.expect_same(happened, wanted, f"the snapshot comes back with its metadata {short(taken.metadata)}")


def _back_door(trial: Trial) -> MetadataBackDoor:
    door = trial.suite.back_door()
    if not isinstance(door, MetadataBackDoor):
        raise NotTriedError(Need.METADATA_BACK_DOOR)
    return door
