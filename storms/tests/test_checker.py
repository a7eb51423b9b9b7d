"""The checker can fail: it finds each kind of harm in a log or a journal that was doctored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from storms.checker import Verdict, check
from storms.folding import START, fold
from storms.ledger import Ledger, Line, lines
from storms.stored import Stored
from storms.tests.samples import KEY, acknowledge, data, event, log_of, state, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def judged(log: Iterable[Line], there: Stored) -> Verdict:
    """The verdict when the engine tells exactly what the database holds."""
    told = {number: there.snapshots[number] for number in [max(there.snapshots)]} if there.snapshots else {}
    return check(log, {KEY: replace(there, snapshots=told)}, {KEY: there})


def found(log: Iterable[Line], there: Stored) -> set[str]:
    """The kinds of harm that are found."""
    return {violation.partition(":")[0] for violation in judged(log, there).violations}


def test_a_journal_that_holds_what_was_acknowledged_is_right(path: Path) -> None:
    verdict = judged(log_of(path, 5), stored(1, 5))
    assert verdict.violations == []
    assert verdict.counts["acknowledged"] == 5


def test_deleted_events_are_right_where_a_snapshot_covers_them(path: Path) -> None:
    assert judged(log_of(path, 25), stored(11, 25, snapshots=(10, 20))).violations == []


def test_a_lost_last_event_is_found(path: Path) -> None:
    assert "lost" in found(log_of(path, 5), stored(1, 4))


def test_a_lost_event_in_the_middle_is_found(path: Path) -> None:
    whole = stored(1, 5)
    holed = replace(whole, events=whole.events[:2] + whole.events[3:])
    assert found(log_of(path, 5), holed) == {"lost", "contradicted"}


def test_an_event_that_another_one_replaced_is_found(path: Path) -> None:
    whole = stored(1, 5)
    other = replace(event(5), event_id="other")
    assert "lost" in found(log_of(path, 5), replace(whole, events=(*whole.events[:4], other)))


def test_deleted_events_that_no_snapshot_covers_are_found(path: Path) -> None:
    assert found(log_of(path, 25), stored(11, 25)) == {"lost"}


def test_an_event_that_is_stored_twice_is_found(path: Path) -> None:
    log = log_of(path, 5)
    whole = stored(1, 5)
    assert "doubled" in found(log, replace(whole, events=(*whole.events, event(5, place=6))))


def test_a_number_with_two_winners_is_found(path: Path) -> None:
    log_of(path, 5)
    with Ledger(path, "another") as ledger:
        acknowledge(ledger, 6, as_number=5)
    verdict = judged(lines(path), stored(1, 5))
    assert any("two winners" in violation for violation in verdict.violations)


def test_data_that_were_altered_are_found(path: Path) -> None:
    whole = stored(1, 5)
    altered = replace(event(3), data={"nonce": "n3", "more": 1})
    events = (*whole.events[:2], altered, *whole.events[3:])
    assert "contradicted" in found(log_of(path, 5), replace(whole, events=events))


def test_a_state_that_lacks_an_event_is_found(path: Path) -> None:
    log_of(path, 4)
    short = fold(fold(START, data(1)), data(2))
    with Ledger(path, "forgetful") as ledger:
        ledger.tries(KEY, data(5))
        ledger.acknowledged(KEY, data(5), number=5, event_id="id5", before=short, after=fold(short, data(5)))
    assert found(lines(path), stored(1, 5)) == {"contradicted"}


def test_a_snapshot_that_lacks_an_event_is_found(path: Path) -> None:
    there = replace(stored(11, 25), snapshots={20: {**state(20), "hash": "short"}})
    assert found(log_of(path, 25), there) == {"contradicted"}


def test_an_answer_that_is_no_prefix_is_found(path: Path) -> None:
    log_of(path, 25)
    with Ledger(path, "reader") as ledger:
        ledger.answered(KEY, {**state(24), "n": 10})
    assert found(lines(path), stored(1, 25)) == {"contradicted"}


def test_an_answer_of_events_that_nobody_wrote_is_found(path: Path) -> None:
    log_of(path, 3)
    with Ledger(path, "reader") as ledger:
        ledger.answered(KEY, state(4))
    assert found(lines(path), stored(1, 3)) == {"contradicted"}


def test_a_recovered_state_that_is_short_is_found(path: Path) -> None:
    log_of(path, 5)
    with Ledger(path, "actor") as ledger:
        ledger.recovered(KEY, state(4))
    assert found(lines(path), stored(1, 5)) == {"lost"}


def test_an_actor_that_starts_no_more_is_found(path: Path) -> None:
    log_of(path, 5)
    with Ledger(path, "actor") as ledger:
        ledger.unreadable(KEY, ValueError("torn"))
    assert found(lines(path), stored(1, 5)) == {"failed"}


def test_a_refused_event_that_is_stored_is_found(path: Path) -> None:
    log_of(path, 4)
    with Ledger(path, "refused") as ledger:
        ledger.tries(KEY, data(5))
        ledger.refused(KEY, data(5), ValueError("nothing was stored"))
    assert found(lines(path), stored(1, 5)) == {"contradicted"}


def test_an_event_in_doubt_may_be_stored_or_not(path: Path) -> None:
    log_of(path, 4)
    with Ledger(path, "in doubt") as ledger:
        ledger.tries(KEY, data(5))
        ledger.in_doubt(KEY, data(5), ValueError("who knows"))
    assert judged(lines(path), stored(1, 4)).violations == []
    assert judged(lines(path), stored(1, 5)).violations == []


def test_an_event_in_doubt_may_be_deleted_after_a_snapshot(path: Path) -> None:
    log = [line for line in log_of(path, 25) if (line["kind"], line["nonce"]) != ("acknowledged", "n7")]
    verdict = judged(log, stored(11, 25, snapshots=(20,)))
    assert verdict.violations == []
    assert verdict.counts["in doubt"] == 1


def test_a_tombstone_that_remembers_another_event_is_found(path: Path) -> None:
    there = replace(stored(11, 25, snapshots=(20,)), tombstone_id="other")
    assert found(log_of(path, 25), there) == {"contradicted"}


def test_an_engine_that_tells_less_than_there_is_is_found(path: Path) -> None:
    verdict = check(log_of(path, 5), {KEY: stored(1, 4)}, {KEY: stored(1, 5)})
    assert [violation.partition(":")[0] for violation in verdict.violations] == ["contradicted"]


def test_an_engine_that_hides_a_snapshot_is_found(path: Path) -> None:
    verdict = check(log_of(path, 5), {KEY: stored(1, 5)}, {KEY: stored(1, 5, snapshots=(3,))})
    assert [violation.partition(":")[0] for violation in verdict.violations] == ["contradicted"]


def test_an_engine_that_tells_another_tombstone_is_found(path: Path) -> None:
    there = stored(11, 25, snapshots=(20,))
    verdict = check(log_of(path, 25), {KEY: replace(there, deleted=9)}, {KEY: there})
    assert [violation.partition(":")[0] for violation in verdict.violations] == ["contradicted"]


def test_an_event_that_is_acknowledged_twice_is_found(path: Path) -> None:
    log_of(path, 5)
    with Ledger(path, "again") as ledger:
        acknowledge(ledger, 5, as_number=6)
    assert "doubled" in found(lines(path), stored(1, 5))


def test_a_state_with_another_count_is_found(path: Path) -> None:
    log = [{**line, "counted": 4} if line.get("number") == 5 else line for line in log_of(path, 5)]
    verdict = judged(log, stored(1, 5))
    assert any("with a state of 4 events" in violation for violation in verdict.violations)
