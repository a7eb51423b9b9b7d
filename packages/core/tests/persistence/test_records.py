"""The records that actors and engines exchange: invalid ones are refused when they are made."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import RFC_4122, UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nact import InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot, records
from nact.persistence.building.checks import (
    check_batch,
    check_key,
    check_prefix,
    check_snapshot,
    check_up_to,
    check_window,
)
from nact.persistence.records import IDS_AT_ONCE, MAX_SEQUENCE_NUMBER, new_event_id, now_ms, sorted_tags, tombstone

ODD_KEYS = ["a", " ", "a ", "A", "\u00e9", "e\u0301", "%_:*$.{}", "\0", "\U0001f600", "x" * 1000]
IMPOSSIBLE_KEYS = ["", None, 5, b"k", "\ud800", type("Text", (str,), {})("k")]
IMPOSSIBLE_NUMBERS = [0, -1, 2**63, 1.0, True, "1", None]


def event(number: int = 1, key: str = "k", **fields: Any) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=None, **fields)


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key[:10]))
def test_any_text_that_isnt_empty_is_a_key(key: str) -> None:
    assert event(key=key).key == check_key(key) == key
    assert PersistedSnapshot(key=key, sequence_number=1, data=None).key == key


@pytest.mark.parametrize("key", IMPOSSIBLE_KEYS, ids=ascii)
def test_a_key_that_isnt_text_is_refused(key: Any) -> None:
    for make in (lambda: event(key=key), lambda: PersistedSnapshot(key=key, sequence_number=1, data=None)):
        with pytest.raises(InvalidEventError, match="a persistence key must be a non-empty string of valid Unicode"):
            make()


@pytest.mark.parametrize("number", [1, 2**63 - 1])
def test_sequence_numbers_go_from_1_to_63_bits(number: int) -> None:
    assert event(number).sequence_number == number


@pytest.mark.parametrize("number", IMPOSSIBLE_NUMBERS, ids=repr)
def test_another_sequence_number_is_refused_and_told_with_its_key(number: Any) -> None:
    for make in (lambda: event(number), lambda: PersistedSnapshot(key="k", sequence_number=number, data=None)):
        with pytest.raises(InvalidEventError, match=r"sequence number of key 'k' must be an int from 1 to 2\*\*63-1"):
            make()


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"]))))
def test_tags_are_sorted_and_each_is_there_once(tags: list[str]) -> None:
    for given_as in (tags, set(tags), tuple(tags), dict.fromkeys(tags), frozenset(tags)):
        assert event(tags=given_as).tags == tuple(sorted(set(tags)))


@pytest.mark.parametrize(
    "tags",
    ["text", None, 5, iter(["a"]), [""], [5], [None], ["\udfff"]],
    ids=lambda tags: ascii(tags).partition(" at 0x")[0],
)
def test_tags_that_arent_a_collection_of_text_are_refused(tags: Any) -> None:
    with pytest.raises(InvalidEventError, match="tag"):
        event(tags=tags)
    with pytest.raises(InvalidEventError, match="tag"):
        sorted_tags(tags)


def test_records_cant_be_changed() -> None:
    snapshot = PersistedSnapshot(key="k", sequence_number=1, data=None)
    for record in (event(), snapshot):
        with pytest.raises(AttributeError):
            record.sequence_number = 2  # type: ignore[misc]


def test_each_event_has_an_id_of_its_own_and_the_time_of_its_making() -> None:
    before = now_ms()
    first, second = event(), event()
    assert first.event_id != second.event_id
    assert new_event_id() != new_event_id()
    assert before <= first.created_at <= second.created_at <= now_ms()


def test_ids_are_uuids_no_two_alike_also_from_several_threads() -> None:
    with ThreadPoolExecutor(4) as threads:
        shares = list(threads.map(lambda _: [new_event_id() for _ in range(5 * IDS_AT_ONCE)], range(4)))
    ids = [each for share in shares for each in share]
    assert len(set(ids)) == len(ids)
    assert all((found := UUID(each)).version == 4 and found.variant == RFC_4122 and str(found) == each for each in ids)


def test_a_copy_of_a_process_that_has_the_same_in_reserve_makes_other_ids() -> None:
    new_event_id()
    reserve = list(records._beginnings)
    mine = {new_event_id() for _ in reserve}
    records._beginnings[:] = reserve
    assert mine.isdisjoint({new_event_id() for _ in reserve})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_makes_other_ids() -> None:
    new_event_id()  # there are some in reserve
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, new_event_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    childs = os.read(reader, 100).decode()
    assert childs[:23] not in {new_event_id()[:23] for _ in range(2 * IDS_AT_ONCE)}  # what is random of them
    os.close(reader)
    os.close(writer)


def test_events_are_equal_by_their_contents_and_survive_pickling_and_copying() -> None:
    original = event(3, tags=("b", "a"), created_at=5)
    assert pickle.loads(pickle.dumps(original)) == copy.deepcopy(original) == original
    assert msgspec.structs.replace(original, data=1) != original


def test_a_tombstone_keeps_the_place_and_the_identity_of_its_event_and_nothing_else() -> None:
    original = PersistedEvent(key="k", sequence_number=4, data={"a": 1}, tags=("t",), metadata={"by": "ann"})
    assert tombstone(original) == PersistedEvent(
        key="k",
        sequence_number=4,
        data=None,
        created_at=original.created_at,
        event_id=original.event_id,
        is_deleted=True,
    )


@pytest.mark.parametrize("batch", [[], [1], [1, 2, 3], [7, 8]], ids=repr)
def test_events_of_one_key_with_consecutive_numbers_are_a_batch(batch: list[int]) -> None:
    check_batch([event(number) for number in batch])


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ([event(1), event(3)], "has 3 of key 'k' at place 1"),
        ([event(1), event(1)], "has 1 of key 'k' at place 1"),
        ([event(1), event(2, "l")], "has 2 of key 'l' at place 1"),
        ([event(1), tombstone(event(2))], "event 2 of 'k' is a tombstone"),
    ],
)
def test_other_events_are_no_batch(batch: Any, says: str) -> None:
    with pytest.raises(InvalidEventError, match=says):
        check_batch(batch)


def test_what_is_no_event_is_a_wrong_argument() -> None:
    with pytest.raises(TypeError, match="expected a PersistedEvent, not"):
        check_batch([{"key": "k"}])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="expected a PersistedSnapshot, not 5"):
        check_snapshot(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("removed", [{"data": 1}, {"tags": ("a",)}, {"metadata": {"by": "ann"}}], ids=repr)
def test_a_tombstone_has_nothing_but_its_place(removed: dict[str, Any]) -> None:
    dead = tombstone(event(7))
    check_batch([dead])
    with pytest.raises(InvalidEventError, match="event 7 of 'k' is a tombstone, and has data, tags or metadata"):
        check_batch([msgspec.structs.replace(dead, **removed)])


@pytest.mark.parametrize("metadata", [None, "by ann", [("by", "ann")], 5], ids=repr)
def test_metadata_that_is_no_dict_is_refused(metadata: Any) -> None:
    for make in (PersistedEvent, PersistedSnapshot):
        with pytest.raises(InvalidEventError, match="metadata must be a dict"):
            make(key="k", sequence_number=1, data=None, metadata=metadata)


def test_records_share_no_metadata() -> None:
    first, second = event(1), event(1)
    assert first.metadata == second.metadata == {}
    assert first.metadata is not second.metadata


@pytest.mark.parametrize(("after", "limit"), [(0, None), (0, 0), (5, 1)])
def test_a_window_of_a_journal_has_numbers_from_0(after: int, limit: int | None) -> None:
    check_window(after, limit)


@pytest.mark.parametrize(
    ("after", "limit", "says"),
    [(-1, None, "after"), (None, None, "after"), (True, None, "after"), (0, -1, "limit"), (0, 1.0, "limit")],
)
def test_another_window_is_refused_and_the_argument_named(after: Any, limit: Any, says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{says} must be"):
        check_window(after, limit)


@pytest.mark.parametrize(
    ("bound", "meant"),
    [(-5, 0), (0, 0), (7, 7), (MAX_SEQUENCE_NUMBER, MAX_SEQUENCE_NUMBER), (2**70, MAX_SEQUENCE_NUMBER)],
)
def test_a_bound_of_a_deletion_is_kept_within_what_there_can_be(bound: int, meant: int) -> None:
    assert check_up_to(bound) == meant


@pytest.mark.parametrize("bound", [True, 1.0, "1", None], ids=repr)
def test_a_bound_that_isnt_an_int_is_refused(bound: Any) -> None:
    with pytest.raises(TypeError, match="up_to must be an int"):
        check_up_to(bound)


@pytest.mark.parametrize("prefix", ["", "contacts:", "\0"], ids=ascii)
def test_any_text_can_be_a_prefix(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", [None, b"a", "\ud800"], ids=ascii)
def test_a_prefix_that_keys_cant_have_is_refused(prefix: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="prefix must be a string of valid Unicode"):
        check_prefix(prefix)
