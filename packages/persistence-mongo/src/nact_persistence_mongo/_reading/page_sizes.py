"""How much to read at once, so that a page has about half a megabyte, whatever the sizes of events and batches."""

from __future__ import annotations

from collections.abc import Sequence

from bson.errors import InvalidDocument

from nact_persistence_mongo._connections.drivers import Document

_BYTES = 512 * 1024
_MOST_EVENTS = 1000
_FORGETTING = 0.99


class Sizes:
    """The sizes of the documents that were read and written of late. Large ones count for some time."""

    def __init__(self) -> None:
        self._document = 1.0
        self._event = 1.0

    def documents(self, count: int) -> int:
        """So many documents, or fewer if they are large."""
        return max(1, min(count, int(_BYTES / self._document)))

    def events(self) -> int:
        """So many events of a document that holds a batch."""
        return max(16, min(_MOST_EVENTS, int(_BYTES / self._event)))

    def note(self, size: int, documents: Sequence[Document | InvalidDocument]) -> None:
        """So many bytes were read."""
        if documents:
            events = sum(len(each.get("events", "1")) for each in documents if isinstance(each, dict))
            self.note_document(size / len(documents), max(events / len(documents), 1))

    def note_document(self, size: float, events: float) -> None:
        """A document with so many events was read or written."""
        self._document = max(size, self._document * _FORGETTING)
        self._event = max(size / events, self._event * _FORGETTING)
