"""Chooses how much to read at once, so that a page has about half a megabyte, whatever the events' sizes."""

from __future__ import annotations

from collections.abc import Sequence

from bson.errors import InvalidDocument

from nact_persistence_mongo._documents.codec import Document

_PAGE_BYTES = 512 * 1024
_MOST_EVENTS = 1000
_DECAY = 0.99


class PageSizes:
    """Estimates the sizes of documents from those that were read and written last. Large ones count for some time."""

    def __init__(self) -> None:
        self._document = 1.0
        self._event = 1.0

    def documents(self, count: int) -> int:
        """The documents to read at once: `count`, or fewer if they are large."""
        return max(1, min(count, int(_PAGE_BYTES / self._document)))

    def events(self) -> int:
        """The events to read at once of a document that holds several."""
        return max(16, min(_MOST_EVENTS, int(_PAGE_BYTES / self._event)))

    def note(self, size: int, documents: Sequence[Document | InvalidDocument]) -> None:
        """Takes note of a page that was read, and of its size in bytes."""
        if documents:
            events = sum(len(each.get("events", "1")) for each in documents if isinstance(each, dict))
            self.note_document(size / len(documents), max(events / len(documents), 1))

    def note_document(self, size: float, events: float) -> None:
        """Takes note of the size in bytes of a document, and of how many events it has."""
        self._document = max(size, self._document * _DECAY)
        self._event = max(size / events, self._event * _DECAY)
