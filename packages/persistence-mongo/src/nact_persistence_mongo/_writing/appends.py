"""The events that each call appends, and the documents that hold the events of one call or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bson.raw_bson import RawBSONDocument

from nact.errors import InvalidEventError
from nact.persistence import PersistedEvent
from nact.persistence.building.group_commit import Outcome
from nact_persistence_mongo._documents.encoding import MAX_DOCUMENT, event_bson, journal_document, size_of


@dataclass(slots=True, eq=False)
class Append:
    """The events of one `persist` or `persist_all`: one key, consecutive numbers, all or nothing.

    Attributes:
        first: The number of the document that holds them: that of the first event, but 1 for a tombstone, which stands
            for all events up to its own number.
        last: The number of the last event.
        is_suspect: The server refused it together with others. It goes alone next.
        refusal: Why the server refused it alone. It may be stored already: the server checks its rules before its
            index.
    """

    key: str
    first: int
    last: int
    events: Sequence[bytes]
    ids: Sequence[str]
    size: int
    outcome: Outcome = None
    is_settled: bool = False
    is_suspect: bool = False
    refusal: str = ""

    @property
    def numbers(self) -> range:
        """The events' sequence numbers."""
        return range(self.last - len(self.ids) + 1, self.last + 1)

    def settle(self, outcome: Outcome) -> None:
        self.outcome, self.is_settled = outcome, True

    # Most items are the only one of their key in a batch, and are a run by themselves.

    @property
    def items(self) -> Sequence[Append]:
        return (self,)

    def document(self) -> RawBSONDocument:
        if self.first == self.last:
            return RawBSONDocument(self.events[0])
        return journal_document(self.key, self.first, self.events)


@dataclass(slots=True, eq=False)
class Several:
    """Items that follow one another. They are stored as one document, so that none is stored without those before."""

    key: str
    first: int
    last: int
    size: int
    items: list[Append]

    def take(self, item: Append) -> None:
        self.items.append(item)
        self.last = item.last
        self.size += item.size

    def document(self) -> RawBSONDocument:
        return journal_document(self.key, self.first, [each for item in self.items for each in item.events])


Run: TypeAlias = "Several | Append"
"""Items that go into one document."""


def runs_of(items: Sequence[Append]) -> list[Run]:
    """The runs of a batch, one for each key: its first item and those that follow without a gap."""
    runs: dict[str, Run] = {}
    ended: set[str] = set()
    for item in items:
        run = runs.setdefault(item.key, item)
        if run is item:
            continue
        if item.key in ended or not _follows(item, run):
            ended.add(item.key)
            continue
        if isinstance(run, Append):
            run = runs[item.key] = Several(run.key, run.first, run.last, run.size, [run])
        run.take(item)
    return list(runs.values())


def _follows(item: Append, run: Run) -> bool:
    is_next = item.first == run.last + 1 and run.size + item.size <= MAX_DOCUMENT
    return is_next and not item.is_suspect and not run.items[0].is_suspect


def append_one(event: PersistedEvent) -> Append:
    """The item for one event, which may be a tombstone.

    Raises:
        InvalidEventError: The event can't be stored exactly.
    """
    document, number = event_bson(event), event.sequence_number
    first = 1 if event.is_deleted else number
    return Append(event.key, first, number, (document,), (event.event_id,), len(document))


def append_all(events: Sequence[PersistedEvent]) -> Append:
    """The item for a batch.

    Raises:
        InvalidEventError: An event can't be stored exactly, or they don't fit into one document.
    """
    if len(events) == 1:
        return append_one(events[0])
    key, first, last = events[0].key, events[0].sequence_number, events[-1].sequence_number
    documents = [event_bson(event) for event in events]
    size = size_of(documents)
    if size > MAX_DOCUMENT:
        text = f"the batch of {len(documents)} events from {first} of key {key!r:.200} has about {size} bytes"
        raise InvalidEventError(f"{text}; a document of MongoDB holds {MAX_DOCUMENT}, and a batch is one document")
    return Append(key, first, last, documents, [event.event_id for event in events], size)
