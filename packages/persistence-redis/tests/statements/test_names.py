from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from nact_persistence_redis._statements.names import Names

KEYS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("{}%*?[]\\:7BD25"), min_size=1)
NAMES = Names("nact:")


def test_names_can_be_read() -> None:
    assert NAMES.events("contact-1") == b"nact:{contact-1}:events"
    assert NAMES.snapshots("contact-1") == b"nact:{contact-1}:snapshots"


@settings(deadline=None)
@given(KEYS)
def test_a_key_can_be_read_from_the_name_of_its_stream(key: str) -> None:
    assert NAMES.key_of(NAMES.events(key)) == key


@settings(deadline=None)
@given(KEYS)
def test_everything_of_a_key_is_in_one_slot(key: str) -> None:
    slots = {key_slot(name) for name in (NAMES.events(key), NAMES.snapshots(key))}
    assert len(slots) == 1


@pytest.mark.parametrize("key", ["}", "{", "{}", "a}b", "%7D"])
def test_braces_in_a_key_do_not_end_the_part_that_is_hashed(key: str) -> None:
    name = NAMES.events(key).decode()
    assert name.count("{") == name.count("}") == 1


@pytest.mark.parametrize(
    "name", [b"nact:{a}:tombstone", b"other:{a}:events", b"nact:{}:events", b"nact:{a{}:events", b"nact:{\xff}:events"]
)
def test_what_is_not_the_name_of_a_stream_is_no_key(name: bytes) -> None:
    assert NAMES.key_of(name) is None
