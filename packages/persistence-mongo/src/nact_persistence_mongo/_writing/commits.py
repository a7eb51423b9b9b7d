"""Writes batches of events: one round trip for each in the usual case, and an outcome for each item.

The unique index on (key, first number of a document) decides conflicts: behind the end of a document there is room for
exactly one other. So a document may be inserted when the one before it is known to end right before it. Which one that
is, is remembered (`Seen`); what isn't remembered is looked up, for all items of the batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from nact.errors import NactError, OutcomeUnknownError, SequenceConflictError
from nact.persistence.building.group_commit import Outcome
from nact_persistence_mongo._connections.errors import for_one, refused
from nact_persistence_mongo._connections.retry import InFlight, Trying
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.last_numbers import Seen
from nact_persistence_mongo._reading.reader import Reader
from nact_persistence_mongo._writing.appends import Append, Run, runs_of
from nact_persistence_mongo._writing.journal_writer import Journal

_MOST_IDS = 2000


class Writer:
    """Appends to the journal.

    Args:
        journal: Stores documents.
        reader: Tells what is stored.
        seen: What is known of it.
        fences: Learn of what was given up.
        in_flight: Learns which keys are being written.
        retry_for: For how many seconds a batch is tried.
    """

    def __init__(
        self, journal: Journal, reader: Reader, seen: Seen, fences: Fences, in_flight: InFlight, *, retry_for: float
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._seen = seen
        self._fences = fences
        self._in_flight = in_flight
        self._retry_for = retry_for

    async def write(self, items: Sequence[Append]) -> Sequence[Outcome]:
        """Stores the items, each on its own terms, and tells what became of each."""
        with self._in_flight.batch({item.key for item in items}):
            trying = Trying(self._retry_for)
            is_over = False
            try:
                await self._settle(items, trying)
                is_over = True
            finally:
                if trying.maybe_done or not is_over:
                    self._doubt(items)
        return [item.outcome for item in items]

    def _doubt(self, items: Sequence[Append]) -> None:
        """What isn't stored may still arrive there, unless another event has its place."""
        for item in items:
            stands = item.is_settled and item.outcome is None
            if not stands and not isinstance(item.outcome, SequenceConflictError):
                self._fences.doubt(item.key)

    async def _settle(self, items: Sequence[Append], trying: Trying) -> None:
        waiting = items
        try:
            while waiting:
                known = await self._known(runs_of(waiting), trying)
                if known:
                    await self._journal.store(known, trying)
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

    async def _known(self, runs: list[Run], trying: Trying) -> list[Run]:
        """Those runs behind whose place a document is known to end."""
        unknown = [(run.key, run.first - 1) for run in runs if not self._seen.ends_at(run.key, run.first - 1)]
        if not unknown:
            return runs
        await self._reader.ends(unknown, trying)
        return [run for run in runs if self._seen.ends_at(run.key, run.first - 1)]

    async def _explain(self, items: Sequence[Append], trying: Trying) -> None:
        """Settles what is stored already, by its own writer, and what conflicts. The rest is to be tried again."""
        by_key: dict[str, list[Append]] = {}
        for item in items:
            by_key.setdefault(item.key, []).append(item)
        found: list[Append] = []
        for key, mine in by_key.items():
            highest = await self._reader.highest(key, trying)
            if any(item.refusal for item in mine) and await self._reader.arriving(key) > highest:
                continue  # it may be the very event that was refused, which other members don't have yet
            ids: dict[int, str] = {}
            for first, last in _ranges(mine, highest):
                ids |= await self._reader.event_ids(key, first, last, trying)
            found += _decide(mine, highest, ids, maybe_done=trying.maybe_done)
        if found:
            await self._journal.confirm([*{item.key for item in found}], trying)
            for item in found:
                item.settle(None)


def _ranges(items: Sequence[Append], highest: int) -> list[tuple[int, int]]:
    """The numbers, up to the highest, that the items would have; as one range, if it isn't too long."""
    ranges = [(item.numbers[0], min(item.last, highest)) for item in items if item.numbers[0] <= highest]
    if not ranges:
        return []
    whole = min(first for first, _ in ranges), max(last for _, last in ranges)
    return [whole] if whole[1] - whole[0] < _MOST_IDS else ranges


def _decide(items: Sequence[Append], highest: int, ids: dict[int, str], *, maybe_done: bool) -> list[Append]:
    """The items of a key that are stored. Settles the others, up to those that can be stored next."""
    found: list[Append] = []
    following = highest + 1
    for item in items:
        number = item.numbers[0]
        if [ids.get(each) for each in item.numbers] == list(item.ids):
            found.append(item)
        elif item.first == following and item.refusal:
            what = f"event {number} of key {item.key!r:.200}"
            item.settle(refused(what, item.refusal, outcome_known=not maybe_done))
        elif item.first == following:
            following = item.last + 1
        elif maybe_done and ids.get(number) is None:
            # Nothing stands there, or what stood there was deleted, and it may have been this.
            text = f"event {number} of key {item.key!r:.200} may have been stored and deleted"
            item.settle(OutcomeUnknownError(text))
        else:
            item.settle(SequenceConflictError(item.key, number, highest))
    return found
