"""Reads: each is one short query; nothing stays open behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from bson.errors import InvalidDocument

from nact.errors import CorruptJournalError
from nact.persistence import PersistedSnapshot
from nact_persistence_mongo._connections.drivers import Collection, Collections, Document, RawBatches
from nact_persistence_mongo._connections.retry import Trying
from nact_persistence_mongo._documents.decoding import FIELDS, decoded, end_of, last_number, stored_snapshot
from nact_persistence_mongo._fences import LAST, Fences
from nact_persistence_mongo._reading.empty_keys import Newcomers
from nact_persistence_mongo._reading.last_numbers import Seen
from nact_persistence_mongo._reading.page_sizes import Sizes

_NUMBERS = {"_id": 0, "sequence_number": 1, "events.sequence_number": 1}
_IDS = {**_NUMBERS, "event_id": 1, "events.event_id": 1, "is_husk": 1}
Order: TypeAlias = list[tuple[str, int]]
_UP: Order = [("sequence_number", 1)]
_DOWN: Order = [("sequence_number", -1)]

Documents: TypeAlias = list[Document | InvalidDocument]
"""Documents of a journal, in order. One that can't be decoded stands as an error, at the end."""


@dataclass(slots=True)
class Page:
    """Documents that follow one another.

    Attributes:
        documents: In order.
        behind: The sequence number behind which the next page begins.
        is_inside: Whether that is within the last document, of which there is more.
        is_last: Whether there are no more.
    """

    documents: Documents
    behind: int
    is_inside: bool
    is_last: bool


class Reader:
    """Reads what the engine stored.

    Attributes:
        without_events: Knows keys whose journals haven't begun, not even on the primary alone.
        without_snapshots: Knows keys without snapshots.

    Args:
        collections: Where from.
        seen: Learns where journals end.
        fences: Learns of fences.
        sizes: Tells how much to read at once.
        retry_for: For how many seconds a read is tried.
    """

    def __init__(self, collections: Collections, seen: Seen, fences: Fences, sizes: Sizes, retry_for: float) -> None:
        self.without_events = Newcomers(partial(self._stored, collections.newest_events))
        self.without_snapshots = Newcomers(partial(self._stored, collections.snapshots))
        self._events = collections.events
        self._newest = collections.newest_events
        self._snapshots = collections.snapshots
        self._seen = seen
        self._fences = fences
        self._retry_for = retry_for
        self._sizes = sizes

    async def page(self, key: str, after: int, count: int) -> Page:
        """Up to `count` documents that begin behind `after`, fewer if they are large."""
        query = {"key": key, "sequence_number": {"$gt": after}, "is_husk": {"$exists": False}}
        count = self._sizes.documents(count)
        return await self._page(key, query, after, count, _UP)

    async def rest(self, key: str, after: int) -> Page:
        """What stands behind `after` in the document that holds this number."""
        query = {"key": key, "sequence_number": {"$lte": after}}
        page = await self._page(key, query, after, 1, _DOWN)
        documents = [
            document for document in page.documents if not isinstance(document, dict) or document.get("events")
        ]
        return Page(documents, page.behind if page.is_inside else after, page.is_inside, is_last=False)

    async def _page(self, key: str, query: Document, after: int, count: int, order: Order) -> Page:
        slice_size = self._sizes.events()
        options = {"projection": _sliced(after, slice_size), "sort": order, "limit": count, "batch_size": count}
        raw, is_whole = await self.trying().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        documents = decoded(raw)
        self._sizes.note(len(raw), documents)
        for place, document in enumerate(documents):
            behind = _end_of_slice(document, slice_size)
            if behind:
                return Page(documents[: place + 1], behind, is_inside=True, is_last=False)
        if documents:
            self._note(key, documents[-1])
        return Page(documents, _first_number(documents, after), False, is_whole and len(documents) < count)

    async def arriving(self, key: str) -> int:
        """The last number on the primary, though it may not be confirmed yet: of a writer that was killed, say."""
        last = await self.trying().run(lambda: self._newest.find_one({"key": key}, projection=LAST, sort=_DOWN))
        return end_of(key, last)

    async def holder(self, key: str, number: int) -> Document | None:
        """The document that holds the number, or the one before it; its numbers only."""
        query = {"key": key, "sequence_number": {"$lte": number}}
        return await self.trying().run(lambda: self._events.find_one(query, projection=_NUMBERS, sort=_DOWN))

    async def highest(self, key: str, trying: Trying | None = None) -> int:
        """The journal's last number, 0 if there is none."""
        trying = trying or self.trying()
        last = await trying.run(lambda: self._events.find_one({"key": key}, projection=LAST, sort=_DOWN))
        number = end_of(key, last)
        self._fences.note(key, last)
        self._seen.put(key, number)
        return number

    async def event_ids(self, key: str, first: int, last: int, trying: Trying) -> dict[int, str]:
        """The ids of the stored events from one number to another, by number; deleted ones have none."""
        query = {"key": key, "sequence_number": {"$lte": last}}
        options = {"projection": _IDS, "sort": _DOWN, "limit": last - first + 2, "batch_size": last - first + 2}
        raw, _ = await trying.run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        ids: dict[int, str] = {}
        for document in decoded(raw):
            if isinstance(document, dict):
                for event in document.get("events", [document]):
                    ids[event.get("sequence_number", 0)] = event.get("event_id")
        return {number: event_id for number, event_id in ids.items() if first <= number <= last}

    async def ends(self, places: list[tuple[str, int]], trying: Trying) -> None:
        """Notes which of these keys have a document that is all there is up to the number, and ends with it."""
        query = {"$or": [{"key": key, "sequence_number": number} for key, number in places]}
        options = {"projection": {"key": 1, **LAST}, "batch_size": len(places) + 1}
        raw, _ = await trying.run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        for document in decoded(raw):
            if isinstance(document, dict) and "fence" not in document:
                self._note(document["key"], document)

    async def numbers(self, query: Document, count: int) -> list[int]:
        """The numbers of up to `count` documents, in order."""
        options = {"projection": {"_id": 0, "sequence_number": 1}, "sort": _UP, "limit": count, "batch_size": count}
        raw, _ = await self.trying().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        return [document["sequence_number"] for document in decoded(raw) if isinstance(document, dict)]

    async def keys(self, start: str, inclusive: bool, count: int) -> list[str]:
        """Up to `count` keys from `start` on, in the order of their code points. Every journal has a document 1."""
        has_begun = {"sequence_number": 1, "fence": {"$exists": False}}
        query = {"key": {"$gte" if inclusive else "$gt": start}, **has_begun}
        options = {"projection": {"_id": 0, "key": 1}, "sort": [("key", 1)], "limit": count, "batch_size": count}
        raw, _ = await self.trying().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        return [_key(document) for document in decoded(raw)]

    async def _stored(self, collection: Collection, keys: list[str]) -> set[str]:
        """Which of the keys have a document. The index tells, with one look for each."""
        return {*await self.trying().run(lambda: collection.distinct("key", {"key": {"$in": keys}}))}

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        if await self.without_snapshots.has_nothing(key):
            return None
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        options = {"projection": {"_id": 0}, "sort": _DOWN, "limit": 1, "batch_size": 1}
        raw, _ = await self.trying().run(lambda: _one_batch(self._snapshots.find_raw_batches(query, **options)))
        for document in decoded(raw):
            if isinstance(document, dict):
                return stored_snapshot(key, document)
            raise CorruptJournalError(f"its snapshot isn't readable BSON: {document}", key)
        return None

    def _note(self, key: str, document: Document | InvalidDocument) -> None:
        if isinstance(document, dict):
            self._seen.put(key, last_number(key, document))

    def trying(self) -> Trying:
        """The attempts at a read."""
        return Trying(self._retry_for, writes=False)


def _sliced(after: int, count: int) -> Document:
    """All fields of a document; of a long one's events, some of those behind `after`."""
    behind = {"$filter": {"input": "$events", "cond": {"$gt": ["$$this.sequence_number", after]}}}
    events = {"$cond": [{"$isArray": "$events"}, {"$slice": [behind, count]}, "$$REMOVE"]}
    return {"_id": 0, **dict.fromkeys(FIELDS, 1), "events": events}


def _end_of_slice(document: Document | InvalidDocument, size: int) -> int:
    """The last number in a document that may hold more than the slice; 0 if this is all of it."""
    events = document.get("events") if isinstance(document, dict) else None
    if type(events) is not list or len(events) < size:
        return 0
    return last_number("", {"events": events})


def _first_number(documents: Documents, default: int) -> int:
    last = documents[-1] if documents else None
    number = last.get("sequence_number") if isinstance(last, dict) else None
    return number if type(number) is int else default


async def _one_batch(cursor: RawBatches) -> tuple[bytes, bool]:
    """The first batch of a cursor, and whether that is all of it."""
    async for batch in cursor:
        is_whole = not cursor.alive
        if not is_whole:
            await cursor.close()
        return batch, is_whole
    return b"", True


def _key(document: Any) -> str:
    key = document.get("key") if isinstance(document, dict) else None
    if type(key) is not str:
        raise CorruptJournalError(f"there is a key that isn't text: {key!r:.200}")
    return key
