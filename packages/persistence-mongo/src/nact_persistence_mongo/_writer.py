"""Writes batches of events: one round trip for each in the usual case, and an outcome for each item.

The unique index on (key, first number of a document) decides conflicts: behind the end of a document there is room for
exactly one other. So a document may be inserted when the one before it is known to end right before it. Which one that
is, is remembered (`Seen`); what isn't remembered is looked up, for all items of the batch at once.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from nact.errors import InvalidEventError, NactError, SequenceConflictError
from nact.persistence import Outcome
from nact_persistence_mongo._documents import MAX_DOCUMENT, journal_document, size_of
from nact_persistence_mongo._driver import Collection
from nact_persistence_mongo._errors import DUPLICATE, is_passing_code
from nact_persistence_mongo._link import InFlight, Trying
from nact_persistence_mongo._reader import Reader
from nact_persistence_mongo._seen import Seen
from nact_persistence_mongo._sizes import Sizes

_MOST_IDS = 2000


@dataclass(slots=True, eq=False)
class Append:
    """The events of one `persist` or `persist_all`: one key, consecutive numbers, all or nothing."""

    key: str
    first: int
    events: list[bytes]
    ids: Sequence[str]
    size: int
    outcome: Outcome = None
    is_settled: bool = False
    is_suspect: bool = False
    """The server refused it, in company. It goes alone."""

    @property
    def last(self) -> int:
        return self.first + len(self.ids) - 1

    def settle(self, outcome: Outcome) -> None:
        self.outcome, self.is_settled = outcome, True


@dataclass(slots=True, eq=False)
class _Run:
    """Items that follow one another and are stored as one document: an event behind a refused one leaves no gap."""

    items: list[Append]
    size: int

    @property
    def key(self) -> str:
        return self.items[0].key

    @property
    def first(self) -> int:
        return self.items[0].first

    @property
    def last(self) -> int:
        return self.items[-1].last

    def takes(self, item: Append) -> bool:
        is_next = item.first == self.last + 1 and self.size + item.size <= MAX_DOCUMENT
        return is_next and not item.is_suspect and not self.items[0].is_suspect

    def document(self) -> RawBSONDocument:
        events = [event for item in self.items for event in item.events]
        return journal_document(self.key, events, self.first)


class Writer:
    """Appends to the journal.

    Args:
        events: The collection.
        reader: Tells what is stored.
        seen: What is known of it.
        sizes: Learns how large documents are.
        in_flight: Learns which keys are being written.
        timeout: For how many seconds a batch is tried.
    """

    def __init__(
        self, events: Collection, reader: Reader, seen: Seen, sizes: Sizes, in_flight: InFlight, *, timeout: float
    ) -> None:
        self._events = events
        self._reader = reader
        self._seen = seen
        self._sizes = sizes
        self._in_flight = in_flight
        self._timeout = timeout

    async def write(self, items: Sequence[Append]) -> Sequence[Outcome]:
        """Stores the items, each on its own terms, and tells what became of each."""
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        for item in items:
            self._in_flight.add(item.key, done)
        try:
            await self._settle(items, Trying(self._timeout))
        finally:
            done.set_result(None)
            for key in {item.key for item in items}:
                self._in_flight.remove(key, done)
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
                    item.settle(_copied(error))

    async def _known(self, runs: list[_Run], trying: Trying) -> list[_Run]:
        """Those runs behind whose place a document is known to end."""
        unknown = [(run.key, run.first - 1) for run in runs if not self._seen.ends_at(run.key, run.first - 1)]
        if not unknown:
            return runs
        await self._reader.ends(unknown, trying)
        return [run for run in runs if self._seen.ends_at(run.key, run.first - 1)]

    async def _insert(self, runs: list[_Run], trying: Trying) -> None:
        """Settles the runs that are stored. Those that are refused as duplicates may be stored as well."""
        documents = [run.document() for run in runs]
        result = await trying.run(lambda: self._insert_once(documents))
        failures: dict[int, dict[str, Any]] = {failure["index"]: failure for failure in result.get("writeErrors", ())}
        is_confirmed = not result.get("writeConcernErrors")
        trying.maybe_done |= not is_confirmed
        for place, run in enumerate(runs):
            failure = failures.get(place)
            if failure is None and is_confirmed:
                self._seen.put(run.key, run.last)
                self._sizes.note_document(run.size, run.last - run.first + 1)
                for item in run.items:
                    item.settle(None)
            elif failure is not None and failure["code"] != DUPLICATE and not is_passing_code(failure):
                _refuse(run, failure)

    async def _insert_once(self, documents: list[RawBSONDocument]) -> dict[str, Any]:
        try:
            await self._events.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return dict(error.details)
        return {}

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


def _runs(items: Sequence[Append]) -> list[_Run]:
    """The items in their order; of a key, those from its first one on that follow one another."""
    runs: dict[str, _Run] = {}
    ended: set[str] = set()
    for item in items:
        run = runs.get(item.key)
        if run is None:
            runs[item.key] = _Run([item], item.size)
        elif item.key not in ended and run.takes(item):
            run.items.append(item)
            run.size += item.size
        else:
            ended.add(item.key)
    return list(runs.values())


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


def _refuse(run: _Run, failure: dict[str, Any]) -> None:
    """The server says no to a document: because of its validation rules, say."""
    if len(run.items) == 1:
        item = run.items[0]
        text = f"MongoDB refused event {item.first} of key {item.key!r:.200}: {failure.get('errmsg')}"
        item.settle(InvalidEventError(text[:1000]))
        return
    for item in run.items:
        item.is_suspect = True


def _copied(error: NactError) -> NactError:
    """A copy for each writer: an error raised in many places gathers all their tracebacks."""
    mine = copy.copy(error)
    mine.__cause__ = error.__cause__
    return mine


def append_of(key: str, first: int, events: list[bytes], ids: Sequence[str]) -> Append:
    """The item for events whose documents are made.

    Raises:
        InvalidEventError: They don't fit into one document.
    """
    size = size_of(key, events)
    if size > MAX_DOCUMENT and len(events) > 1:
        text = f"the batch of {len(events)} events from {first} of key {key!r:.200} has about {size} bytes"
        raise InvalidEventError(f"{text}; a document of MongoDB holds {MAX_DOCUMENT}, and a batch is one document")
    return Append(key, first, events, ids, size)
