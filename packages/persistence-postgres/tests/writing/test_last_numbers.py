"""Numbers that were seen stored count until something is deleted."""

from __future__ import annotations

from nact_persistence_postgres._writing.last_numbers import KnownNumbers


def test_a_number_seen_before_another_deletion_is_not_remembered() -> None:
    known = KnownNumbers(7)
    known.put_since("a", 1, 7)
    known.put_since("b", 1, 6)
    assert (known.get("a"), known.get("b")) == (1, None)


def test_after_a_deletion_nothing_is_known() -> None:
    known = KnownNumbers(7)
    known.put_since("a", 1, 7)
    known.begin_again(8)
    assert known.get("a") is None
    known.put_since("a", 2, 8)
    assert known.get("a") == 2
