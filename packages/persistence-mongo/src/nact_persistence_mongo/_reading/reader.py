"""Reads the collections by short queries, none of which stays open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from bson.errors import InvalidDocument

from nact.errors import CorruptJournalError
from nact.persistence import PersistedSnapshot
from nact.persistence.building.last_numbers import LastNumbers
from nact_persistence_mongo._connections.drivers import Collection, Collections, RawBatches
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._documents.codec import Document, decoded
from nact_persistence_mongo._documents.decoding import FIELDS, LAST_FIELDS, end_of, last_number, stored_snapshot
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.empty_keys import EmptyKeys
from nact_persistence_mongo._reading.page_sizes import PageSizes

_NUMBERS = {"_id": 0, "sequence_number": 1, "events.sequence_number": 1}
_IDS = {**_NUMBERS, "event_id": 1, "events.event_id": 1, "is_husk": 1}
Order: TypeAlias = list[tuple[str, int]]
_UP: Order = [("sequence_number", 1)]
_DOWN: Order = [("sequence_number", -1)]

Documents: TypeAlias = list[Document | InvalidDocument]
"""Documents of a journal, in order. One that can't be decoded is an error, and is the last."""


@dataclass(slots=True)
class Page:
    """Documents that follow one another.

    Attributes:
        documents: The documents, in order.
        end: The sequence number after which the next page begins.
        is_inside: Whether the page ends within its last document.
        is_last: Whether there are no more documents.
    """

    documents: Documents
    end: int
    is_inside: bool
    is_last: bool


class Reader:
    """Reads journals and snapshots.

    Attributes:
        without_events: Finds keys whose journals haven't begun, not even on the primary alone.
        without_snapshots: Finds keys without snapshots.

    Args:
        collections: The collections to read.
        last_numbers: Is told where journals end.
        fences: Is told of fences.
        sizes: Chooses how much to read at once.
        retry_for: Seconds for which a read is tried.
    """

    def __init__(
        self, collections: Collections, last_numbers: LastNumbers, fences: Fences, sizes: PageSizes, retry_for: float
    ) -> None:
        self.without_events = EmptyKeys(partial(self._stored, collections.newest_events))
        self.without_snapshots = EmptyKeys(partial(self._stored, collections.snapshots))
        self._events = collections.events
        self._newest = collections.newest_events
        self._snapshots = collections.snapshots
        self._last_numbers = last_numbers
        self._fences = fences
        self._retry_for = retry_for
        self._sizes = sizes

    def new_retry(self) -> ServerRetry:
        """The attempts at a read."""
        return ServerRetry(self._retry_for, writes=False)

    # --- pages -------------------------------------------------------------------------------------------------

    async def page(self, key: str, after: int, count: int) -> Page:
        """The documents that begin after the number: up to `count`, or fewer if they are large."""
        query = {"key": key, "sequence_number": {"$gt": after}, "is_husk": {"$exists": False}}
        count = self._sizes.documents(count)
        return await self._page(key, query, after, count, _UP)

    async def rest(self, key: str, after: int) -> Page:
        """The events after the number in the document that holds this number."""
        query = {"key": key, "sequence_number": {"$lte": after}}
        page = await self._page(key, query, after, 1, _DOWN)
        documents = [
            document for document in page.documents if not isinstance(document, dict) or document.get("events")
        ]
        return Page(documents, page.end if page.is_inside else after, page.is_inside, is_last=False)

    async def _page(self, key: str, query: Document, after: int, count: int, order: Order) -> Page:
        slice_size = self._sizes.events()
        options = {"projection": _sliced(after, slice_size), "sort": order, "limit": count, "batch_size": count}
        raw, is_whole = await self.new_retry().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        documents = decoded(raw)
        self._sizes.note(len(raw), documents)
        for place, document in enumerate(documents):
            end = _end_of_slice(document, slice_size)
            if end:
                return Page(documents[: place + 1], end, is_inside=True, is_last=False)
        if documents:
            self._note(key, documents[-1])
        return Page(documents, _first_number(documents, after), False, is_whole and len(documents) < count)

    # --- numbers and ids ---------------------------------------------------------------------------------------

    async def highest(self, key: str, retry: ServerRetry | None = None) -> int:
        """The journal's last number, 0 if it has none."""
        retry = retry or self.new_retry()
        last = await retry.run(lambda: self._events.find_one({"key": key}, projection=LAST_FIELDS, sort=_DOWN))
        number = end_of(key, last)
        self._fences.note(key, last)
        self._last_numbers.raise_to(key, number)
        return number

    async def arriving(self, key: str) -> int:
        """The last number on the primary. It may not be confirmed yet: its writer was killed, for example."""
        last = await self.new_retry().run(
            lambda: self._newest.find_one({"key": key}, projection=LAST_FIELDS, sort=_DOWN)
        )
        return end_of(key, last)

    async def holder(self, key: str, number: int) -> Document | None:
        """The numbers of the document that holds this number, or of the one before it."""
        query = {"key": key, "sequence_number": {"$lte": number}}
        return await self.new_retry().run(lambda: self._events.find_one(query, projection=_NUMBERS, sort=_DOWN))

    async def numbers(self, query: Document, count: int) -> list[int]:
        """The numbers of up to `count` documents, in order."""
        options = {"projection": {"_id": 0, "sequence_number": 1}, "sort": _UP, "limit": count, "batch_size": count}
        raw, _ = await self.new_retry().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        return [document["sequence_number"] for document in decoded(raw) if isinstance(document, dict)]

    async def event_ids(self, key: str, first: int, last: int, retry: ServerRetry) -> dict[int, str]:
        """The ids of the stored events from one number to another, by number. Deleted events have none."""
        query = {"key": key, "sequence_number": {"$lte": last}}
        options = {"projection": _IDS, "sort": _DOWN, "limit": last - first + 2, "batch_size": last - first + 2}
        raw, _ = await retry.run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        ids: dict[int, str] = {}
        for document in decoded(raw):
            if isinstance(document, dict):
                for event in document.get("events", [document]):
                    ids[event.get("sequence_number", 0)] = event.get("event_id")
        return {number: event_id for number, event_id in ids.items() if first <= number <= last}

    async def ends(self, places: list[tuple[str, int]], retry: ServerRetry) -> None:
        """Notes where documents end that begin at these places, each a key and a number."""
        query = {"$or": [{"key": key, "sequence_number": number} for key, number in places]}
        options = {"projection": {"key": 1, **LAST_FIELDS}, "batch_size": len(places) + 1}
        raw, _ = await retry.run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        for document in decoded(raw):
            if isinstance(document, dict) and "fence" not in document:
                self._note(document["key"], document)

    # --- keys and snapshots ------------------------------------------------------------------------------------

    async def keys(self, start: str, inclusive: bool, count: int) -> list[str]:
        """Up to `count` keys from `start` on, in the order of their code points. Every journal has a document 1."""
        has_begun = {"sequence_number": 1, "fence": {"$exists": False}}
        query = {"key": {"$gte" if inclusive else "$gt": start}, **has_begun}
        options = {"projection": {"_id": 0, "key": 1}, "sort": [("key", 1)], "limit": count, "batch_size": count}
        raw, _ = await self.new_retry().run(lambda: _one_batch(self._events.find_raw_batches(query, **options)))
        return [_key(document) for document in decoded(raw)]

    async def snapshot(self, key: str, up_to: int) -> PersistedSnapshot | None:
        """The key's latest snapshot up to this number."""
        if await self.without_snapshots.is_known_empty(key):
            return None
        query = {"key": key, "sequence_number": {"$lte": up_to}}
        options = {"projection": {"_id": 0}, "sort": _DOWN, "limit": 1, "batch_size": 1}
        raw, _ = await self.new_retry().run(lambda: _one_batch(self._snapshots.find_raw_batches(query, **options)))
        for document in decoded(raw):
            if isinstance(document, dict):
                return stored_snapshot(key, document)
            raise CorruptJournalError(f"its snapshot isn't readable BSON: {document}", key)
        return None

    async def _stored(self, collection: Collection, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have a document. The index answers with one lookup for each key."""
        return {*await self.new_retry().run(lambda: collection.distinct("key", {"key": {"$in": keys}}))}

    def _note(self, key: str, document: Document | InvalidDocument) -> None:
        if isinstance(document, dict):
            self._last_numbers.raise_to(key, last_number(key, document))


def _sliced(after: int, count: int) -> Document:
    """A projection: all fields of a document, but up to `count` of its events, from those after the number."""
    later = {"$filter": {"input": "$events", "cond": {"$gt": ["$$this.sequence_number", after]}}}
    events = {"$cond": [{"$isArray": "$events"}, {"$slice": [later, count]}, "$$REMOVE"]}
    return {"_id": 0, **dict.fromkeys(FIELDS, 1), "events": events}


def _end_of_slice(document: Document | InvalidDocument, size: int) -> int:
    """The last number of a document that may hold more than the slice; 0 if the slice is all of it."""
    events = document.get("events") if isinstance(document, dict) else None
    if type(events) is not list or len(events) < size:
        return 0
    return last_number("", {"events": events})


def _first_number(documents: Documents, default: int) -> int:
    """The number with which the last document begins."""
    last = documents[-1] if documents else None
    number = last.get("sequence_number") if isinstance(last, dict) else None
    return number if type(number) is int else default


async def _one_batch(cursor: RawBatches) -> tuple[bytes, bool]:
    """The first batch of a cursor, and whether the cursor has no more."""
    async for batch in cursor:
        is_whole = not cursor.alive
        if not is_whole:
            await cursor.close()
        return batch, is_whole
    return b"", True


def _key(document: Document | InvalidDocument) -> str:
    key = document.get("key") if isinstance(document, dict) else None
    if type(key) is not str:
        raise CorruptJournalError(f"there is a key that isn't text: {key!r:.200}")
    return key
