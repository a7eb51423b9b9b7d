"""Writes batches of events: one round trip for each in the usual case, and an outcome for each item.

The unique index on (key, first number of a document) decides conflicts: behind the end of a document there is room for
exactly one other. So a document may be inserted when the one before it is known to end right before it. Which one that
is, is remembered (`Seen`); what isn't remembered is looked up, for all items of the batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bson.raw_bson import RawBSONDocument

from nact.errors import InvalidEventError, NactError, SequenceConflictError
from nact.persistence import Outcome
from nact_persistence_mongo._documents import MAX_DOCUMENT, journal_document, size_of
from nact_persistence_mongo._errors import DUPLICATE, for_one, is_passing_code
from nact_persistence_mongo._inserts import Inserts
from nact_persistence_mongo._link import InFlight, Trying
from nact_persistence_mongo._reader import Reader
from nact_persistence_mongo._seen import Seen
from nact_persistence_mongo._sizes import Sizes

_MOST_IDS = 2000
_size = attrgetter("size")


@dataclass(slots=True, eq=False)
class Append:
    """The events of one `persist` or `persist_all`: one key, consecutive numbers, all or nothing."""

    key: str
    first: int
    last: int
    events: Sequence[bytes]
    ids: Sequence[str]
    size: int
    outcome: Outcome = None
    is_settled: bool = False
    is_suspect: bool = False
    """The server refused it, in company. It goes alone."""

    def settle(self, outcome: Outcome) -> None:
        self.outcome, self.is_settled = outcome, True

    # Most stand alone in their batch, and are a run by themselves.

    @property
    def items(self) -> Sequence[Append]:
        return (self,)

    def document(self) -> RawBSONDocument:
        return journal_document(self.key, self.first, self.events)


@dataclass(slots=True, eq=False)
class _Run:
    """Items that follow one another and are stored as one document: an event behind a refused one leaves no gap."""

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


class Writer:
    """Appends to the journal.

    Args:
        inserts: Inserts documents.
        reader: Tells what is stored.
        seen: What is known of it.
        sizes: Learns how large documents are.
        in_flight: Learns which keys are being written.
        timeout: For how many seconds a batch is tried.
    """

    def __init__(
        self, inserts: Inserts, reader: Reader, seen: Seen, sizes: Sizes, in_flight: InFlight, *, timeout: float
    ) -> None:
        self._inserts = inserts
        self._reader = reader
        self._seen = seen
        self._sizes = sizes
        self._in_flight = in_flight
        self._timeout = timeout

    async def write(self, items: Sequence[Append]) -> Sequence[Outcome]:
        """Stores the items, each on its own terms, and tells what became of each."""
        with self._in_flight.batch({item.key for item in items}):
            await self._settle(items, Trying(self._timeout))
        return [item.outcome for item in items]

    async def _settle(self, items: Sequence[Append], trying: Trying) -> None:
        waiting = items
        try:
            while waiting:
                runs = _runs(waiting)
                known = await self._known(runs, trying)
                if known:
                    await self._insert(known, trying)
                left = [item for item in waiting if not item.is_settled]
                await self._explain(left, trying)
                left = [item for item in left if not item.is_settled]
                if len(left) == len(waiting) and known:
                    await trying.pause()
                waiting = left
        except NactError as error:
            for item in waiting:
                if not item.is_settled:
                    item.settle(for_one(error))

    async def _known(self, runs: list[_Run | Append], trying: Trying) -> list[_Run | Append]:
        """Those runs behind whose place a document is known to end."""
        unknown = [(run.key, run.first - 1) for run in runs if not self._seen.ends_at(run.key, run.first - 1)]
        if not unknown:
            return runs
        await self._reader.ends(unknown, trying)
        return [run for run in runs if self._seen.ends_at(run.key, run.first - 1)]

    async def _insert(self, runs: list[_Run | Append], trying: Trying) -> None:
        """Settles the runs that are stored. Those that are refused as duplicates may be stored as well."""
        documents = [run.document() for run in runs]
        inserted = await trying.run(lambda: self._inserts.insert(documents))
        trying.maybe_done |= not inserted.is_confirmed
        failures = inserted.failures
        for place, run in enumerate(runs):
            if place in failures:
                if failures[place]["code"] != DUPLICATE and not is_passing_code(failures[place]):
                    _refuse(run, failures[place])
            elif inserted.is_confirmed:
                self._seen.put(run.key, run.last)
                for item in run.items:
                    item.settle(None)
        largest = max(runs, key=_size)
        self._sizes.note_document(largest.size, largest.last - largest.first + 1)

    async def _explain(self, items: Sequence[Append], trying: Trying) -> None:
        """Settles what is stored already, by its own writer, and what conflicts. The rest is to be tried again."""
        by_key: dict[str, list[Append]] = {}
        for item in items:
            by_key.setdefault(item.key, []).append(item)
        for key, mine in by_key.items():
            highest = await self._reader.highest(key, trying)
            ids: dict[int, str] = {}
            for first, last in _ranges(mine, highest):
                ids |= await self._reader.event_ids(key, first, last, trying)
            _decide(mine, highest, ids)


def _runs(items: Sequence[Append]) -> list[_Run | Append]:
    """The items in their order; of a key, those from its first one on that follow one another."""
    runs: dict[str, _Run | Append] = {}
    ended: set[str] = set()
    for item in items:
        run = runs.setdefault(item.key, item)
        if run is item:
            continue
        if item.key in ended or not _follows(item, run):
            ended.add(item.key)
            continue
        if isinstance(run, Append):
            run = runs[item.key] = _Run(run.key, run.first, run.last, run.size, [run])
        run.take(item)
    return list(runs.values())


def _follows(item: Append, run: _Run | Append) -> bool:
    is_next = item.first == run.last + 1 and run.size + item.size <= MAX_DOCUMENT
    return is_next and not item.is_suspect and not run.items[0].is_suspect


def _ranges(items: Sequence[Append], highest: int) -> list[tuple[int, int]]:
    """The numbers, up to the highest, that the items would have; as one range, if it isn't too long."""
    ranges = [(item.first, min(item.last, highest)) for item in items if item.first <= highest]
    if not ranges:
        return []
    whole = min(first for first, _ in ranges), max(last for _, last in ranges)
    return [whole] if whole[1] - whole[0] < _MOST_IDS else ranges


def _decide(items: Sequence[Append], highest: int, ids: dict[int, str]) -> None:
    """Settles items of a key, up to those that can be stored next: nothing stands in their way (any more)."""
    following = highest + 1
    for item in items:
        if [ids.get(number) for number in range(item.first, item.last + 1)] == list(item.ids):
            item.settle(None)
        elif item.first == following:
            following = item.last + 1
        else:
            item.settle(SequenceConflictError(item.key, item.first, highest))


def _refuse(run: _Run | Append, failure: dict[str, Any]) -> None:
    """The server says no to a document: because of its validation rules, say."""
    if len(run.items) == 1:
        item = run.items[0]
        text = f"MongoDB refused event {item.first} of key {item.key!r:.200}: {failure.get('errmsg')}"
        item.settle(InvalidEventError(text[:1000]))
        return
    for item in run.items:
        item.is_suspect = True


def append_of(key: str, first: int, events: Sequence[bytes], ids: Sequence[str]) -> Append:
    """The item for the events of a batch, whose documents are made.

    Raises:
        InvalidEventError: They don't fit into one document.
    """
    size = size_of(events)
    if size > MAX_DOCUMENT and len(events) > 1:
        text = f"the batch of {len(events)} events from {first} of key {key!r:.200} has about {size} bytes"
        raise InvalidEventError(f"{text}; a document of MongoDB holds {MAX_DOCUMENT}, and a batch is one document")
    return Append(key, first, first + len(ids) - 1, events, ids, size)
