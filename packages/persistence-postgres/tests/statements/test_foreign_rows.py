"""Rows of nact for JavaScript, or written with `psql`, that this engine would have refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_persistence_postgres._statements.rows import stored_event, stored_snapshot


def read(data: str, tags: list[str | None] | None = None, event_id: str | None = None) -> PersistedEvent:
    """The event of a row as nact for JavaScript writes it: without an id."""
    return stored_event("k", (3, data, 1_500_000_000_000, False, tags, event_id, None))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 9223372036854775808.0),
        ("-9223372036854775809", -9223372036854775808.0),
        ("10000000000000000000", 1e19),
        ('{"a": [1, 1000000000000000000000]}', {"a": [1, 1e21]}),
        ('["1000000000000000000000"]', ["1000000000000000000000"]),
        ('{"1000000000000000000000": 1.5}', {"1000000000000000000000": 1.5}),
    ],
)
def test_a_number_beyond_64_bits_is_the_float_it_was(text: str, value: object) -> None:
    assert repr(read(text).data) == repr(value)
    snapshot = stored_snapshot("k", (3, text, 1_500_000_000_000, None, None))
    assert repr(snapshot.data) == repr(value)


def test_a_number_that_no_float_holds_is_an_error() -> None:
    with pytest.raises(CorruptJournalError, match="largest float"):
        read("1" + "0" * 400)


@pytest.mark.parametrize(
    ("tags", "read_as"), [([""], ()), (["b", "", "a"], ("a", "b")), (["a", "a"], ("a",)), ([None, "a"], ("a",))]
)
def test_empty_and_repeated_tags_are_passed_over(tags: list[str | None], read_as: tuple[str, ...]) -> None:
    assert read("1", tags).tags == read_as


@pytest.mark.parametrize(
    ("text", "half"),
    [
        (r'"\ud83d"', r"\ud83d"),
        (r'{"a": "x\uDE00"}', r"\uDE00"),
        (r'"\ud83d\ude00 \ud83d"', r"\ud83d"),
        (r'"\\ud800 \udead"', r"\udead"),
    ],
)
@pytest.mark.parametrize("event_id", [None, "an id"])
def test_an_error_names_half_a_pair_and_what_to_put(text: str, half: str, event_id: str | None) -> None:
    with pytest.raises(CorruptJournalError) as error:
        read(text, event_id=event_id)
    assert (error.value.key, error.value.sequence_number) == ("k", 3)
    assert error.value.reason.startswith(f"its data holds {half}, one half of a surrogate pair")
    assert r"replace it by \ufffd" in error.value.reason
    assert read(r"\ufffd".join(text.rsplit(half, 1))).data is not None


def test_a_whole_pair_is_one_character() -> None:
    assert read(r'"\ud83d\ude00"').data == "\N{GRINNING FACE}"


@pytest.mark.parametrize("inside", ["", "1000000000000000000000"])
def test_an_error_says_what_to_do_about_deep_nesting(inside: str) -> None:
    with pytest.raises(CorruptJournalError, match=r"nested too deep.*set is_deleted to true"):
        read("[" * 200_000 + inside + "]" * 200_000)


def test_what_is_nested_deep_and_can_be_read_is() -> None:
    data: Any = 1
    for _ in range(300):
        data = [data]
    assert read(json.dumps(data)).data == data


def test_a_snapshot_that_cannot_be_read_says_where() -> None:
    with pytest.raises(CorruptJournalError) as error:
        stored_snapshot("k", (3, r'"\ud83d"', 1_500_000_000_000, None, None))
    assert error.value.sequence_number == 3
    assert isinstance(stored_snapshot("k", (3, "1", 1_500_000_000_000, None, None)), PersistedSnapshot)
