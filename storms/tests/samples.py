"""A small storm without a fault: its side log, and what is stored after it."""

from pathlib import Path

from storms.folding import START, Data, fold
from storms.ledger import Ledger, Line, lines
from storms.stored import Event, Stored

KEY = "k"


def data(number: int) -> Data:
    return {"nonce": f"n{number}"}


def state(number: int) -> dict[str, object]:
    """The state after so many events."""
    after = START
    for each in range(1, number + 1):
        after = fold(after, data(each))
    return dict(after)


def acknowledge(ledger: Ledger, number: int, *, as_number: int | None = None) -> None:
    place = as_number or number
    ledger.tries(KEY, data(number))
    ledger.acknowledged(
        KEY, data(number), number=place, event_id=f"id{number}", before=state(place - 1), after=state(place)
    )


def event(number: int, *, place: int | None = None) -> Event:
    return Event(number=place or number, event_id=f"id{number}", data=data(number))


def log_of(path: Path, count: int) -> list[Line]:
    """So many events are acknowledged, one after another."""
    with Ledger(path, "writer") as ledger:
        for number in range(1, count + 1):
            acknowledge(ledger, number)
    return list(lines(path))


def stored(first: int, last: int, *, snapshots: tuple[int, ...] = ()) -> Stored:
    """The events from first to last; a tombstone stands before the first, unless that is 1."""
    return Stored(
        deleted=first - 1,
        tombstone_id=f"id{first - 1}" if first > 1 else "",
        events=tuple(event(number) for number in range(first, last + 1)),
        snapshots={number: state(number) for number in snapshots},
    )
