"""The calls made while a law is tried, and the error that says that the law doesn't hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._trying.needs import Need

SHOWN_FIRST, SHOWN_LAST = 12, 28

NUMBERS = "\0"
"""Stands in a call's words for the sequence numbers; calls that differ only in these are shown as one."""


class BrokenLawError(AssertionError):
    """The engine breaks the law: the promise and the event differ."""

    def __init__(self, promised: str, happened: str) -> None:
        super().__init__(promised, happened)
        self.promised = promised
        self.happened = happened

    def __str__(self) -> str:
        return f"promised: {self.promised}\nhappened: {self.happened}"


class NotTriedError(Exception):
    """The law can't be tried: one of its needs isn't met."""

    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need

    @property
    def why(self) -> str:
        """The need that isn't met."""
        return self.need.value


@dataclass(slots=True)
class Entry:
    """A call, or several that differ in their numbers only, with the result."""

    client: str
    call: str
    numbers: str
    result: str
    times: int = 1
    last_numbers: str = ""

    def __str__(self) -> str:
        numbers = self.numbers
        if self.last_numbers:
            numbers = f"{numbers.partition(' to ')[0]} to {self.last_numbers.rpartition(' to ')[2]}"
        if not self.client:
            return self.call
        often = f"  ({self.times} times)" if self.times > 1 else ""
        return f"{self.client}: {self.call.replace(NUMBERS, numbers)} -> {self.result}{often}"


@dataclass(slots=True)
class History:
    """The calls made on engines with their results, in the order in which they ended."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, client: str, call: str, numbers: str, result: str) -> None:
        """Notes a call."""
        last = self.entries[-1] if self.entries else None
        if last and (last.client, last.call, last.result) == (client, call, result):
            last.times += 1
            if numbers != last.numbers:
                last.last_numbers = numbers
        else:
            self.entries.append(Entry(client, call, numbers, result))

    def note(self, text: str) -> None:
        """Notes something that isn't a call on an engine."""
        self.entries.append(Entry("", text, "", ""))

    def clear(self) -> None:
        """Forgets everything: what follows is a history of its own."""
        self.entries.clear()

    def __str__(self) -> str:
        lines = [f"{place:4}. {entry}" for place, entry in enumerate(self.entries, 1)]
        left_out = len(lines) - SHOWN_FIRST - SHOWN_LAST
        if left_out > 0:
            lines[SHOWN_FIRST:-SHOWN_LAST] = [f"      ... {left_out} more ..."]
        return "\n".join(lines)


def short(value: object, most: int = 160) -> str:
    """The value's repr, cut in the middle if it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 4 :]} ({len(text)} characters)"


def name_numbers(numbers: Sequence[int]) -> str:
    """Sequence numbers in few words: `1 to 5, 7`; `none`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    named = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[1]}" for run in runs]
    if len(named) > 12:
        named[8:-3] = ["..."]
    return ", ".join(named) or "none"


def name_events(events: Iterable[PersistedEvent]) -> str:
    """Events in few words: their sequence numbers, and which of them are tombstones."""
    known = list(events)
    dead = [event.sequence_number for event in known if event.is_deleted]
    named = name_numbers([event.sequence_number for event in known])
    return f"{named} (tombstones: {name_numbers(dead)})" if dead else named


def name_result(result: object) -> str:
    """A call's result in few words."""
    if result is None:
        return "done"
    if isinstance(result, PersistedEvent):
        return name_events([result])
    if isinstance(result, PersistedSnapshot):
        return f"snapshot at {result.sequence_number}"
    if isinstance(result, list) and all(isinstance(item, PersistedEvent) for item in result):
        return name_events(result)
    return short(result)
