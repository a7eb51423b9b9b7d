"""Pages of events: a replay reads one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nact.errors import CorruptJournalError
from nact.persistence import PersistedEvent
from nact_persistence_postgres._statements.rows import Rows, stored_event


class Page(NamedTuple):
    """The events of a key that follow the number `after`. `is_last`: no others come after them."""

    after: int
    rows: Rows
    is_last: bool

    def events(self, key: str, *, dense: bool) -> Iterator[PersistedEvent]:
        """The events of the rows.

        Raises:
            CorruptJournalError: An event can't be read; or, if the page has to be `dense`, one is missing that isn't
                covered by a tombstone.
        """
        before = self.after
        for row in self.rows:
            number = row[0]
            if dense and number != before + 1 and not row[3]:
                raise CorruptJournalError(_gap(before + 1, number), key, before + 1)
            before = number
            yield stored_event(key, row)


class Window(NamedTuple):
    """Up to `size` events of a key after the number `after`, with all the tags."""

    key: str
    after: int
    size: int
    tags: Sequence[str]


def _gap(missing: int, following: int) -> str:
    what = "it is" if following == missing + 1 else f"it and all up to {following - 1} are"
    return (
        f"{what} missing, and the next one is {following}. Restore what was stored there. If nothing ever was, since "
        "nact for JavaScript left out a number when it couldn't persist, put a row in each place (is_deleted true, "
        "data 'null'; see 'Gaps' in the README), and read with skip_deleted=True"
    )
