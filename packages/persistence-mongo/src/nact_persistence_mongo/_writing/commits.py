"""Commits batches of items: one round trip for each batch in the usual case, and an outcome for each item.

The unique index on (key, first number of a document) decides conflicts: after the end of a document there is room for
exactly one other. So a document may be inserted if the one before it is known to end right before it. `LastNumbers`
remembers such ends; those that it doesn't remember are looked up, for all items of the batch at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from nact.errors import NactError, OutcomeUnknownError, SequenceConflictError
from nact.persistence.building.errors import copy_for_caller
from nact.persistence.building.group_commit import Outcome
from nact.persistence.building.in_flight import InFlight
from nact.persistence.building.last_numbers import LastNumbers
from nact_persistence_mongo._connections.errors import refused
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.reader import Reader
from nact_persistence_mongo._writing.appends import Append, Run, runs_of
from nact_persistence_mongo._writing.journal_writer import JournalWriter

_MOST_IDS = 2000


class Commits:
    """Appends batches to the journal.

    Args:
        writer: Stores documents.
        reader: Tells what is stored.
        last_numbers: Remembers, for a key, a number with which a stored document ends. That stays true for ever:
            documents stay and keep their numbers, even when their data is deleted. Only the index tells whether the
            next number is free.
        fences: Is told of writes that were given up.
        in_flight: Is told which keys are being written.
        retry_for: Seconds for which a batch is tried.
    """

    def __init__(
        self,
        writer: JournalWriter,
        reader: Reader,
        last_numbers: LastNumbers,
        fences: Fences,
        in_flight: InFlight,
        *,
        retry_for: float,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._last_numbers = last_numbers
        self._fences = fences
        self._in_flight = in_flight
        self._retry_for = retry_for

    async def write(self, items: Sequence[Append]) -> Sequence[Outcome]:
        """Stores the items, each on its own terms, and returns the outcome of each."""
        with self._in_flight.batch({item.key for item in items}):
            retry = ServerRetry(self._retry_for)
            is_over = False
            try:
                await self._settle(items, retry)
                is_over = True
            finally:
                if retry.in_doubt or not is_over:
                    self._doubt(items)
        return [item.outcome for item in items]

    def _doubt(self, items: Sequence[Append]) -> None:
        """Notes that items that aren't stored may still arrive, unless another event has their place."""
        for item in items:
            is_stored = item.is_settled and item.outcome is None
            if not is_stored and not isinstance(item.outcome, SequenceConflictError):
                self._fences.doubt(item.key)

    async def _settle(self, items: Sequence[Append], retry: ServerRetry) -> None:
        waiting = items
        try:
            while waiting:
                next_runs = await self._next_runs(runs_of(waiting), retry)
                if next_runs:
                    await self._writer.store(next_runs, retry)
                left = [item for item in waiting if not item.is_settled]
                await self._explain(left, retry)
                left = [item for item in left if not item.is_settled]
                if len(left) == len(waiting) and next_runs:
                    await retry.pause()
                waiting = left
        except NactError as error:
            for item in waiting:
                if not item.is_settled:
                    item.settle(copy_for_caller(error))

    async def _next_runs(self, runs: list[Run], retry: ServerRetry) -> list[Run]:
        """The runs that begin where a document is known to end."""
        unknown = [(run.key, run.first - 1) for run in runs if not self._ends_at(run.key, run.first - 1)]
        if not unknown:
            return runs
        await self._reader.ends(unknown, retry)
        return [run for run in runs if self._ends_at(run.key, run.first - 1)]

    def _ends_at(self, key: str, number: int) -> bool:
        """True if a document of the key is known to end with this number. Every journal begins after 0."""
        return number == 0 or self._last_numbers.get(key) == number

    async def _explain(self, items: Sequence[Append], retry: ServerRetry) -> None:
        """Settles the items that are stored already, and those that conflict. The others are to be tried again."""
        by_key: dict[str, list[Append]] = {}
        for item in items:
            by_key.setdefault(item.key, []).append(item)
        found: list[Append] = []
        for key, of_key in by_key.items():
            highest = await self._reader.highest(key, retry)
            if any(item.refusal for item in of_key) and await self._reader.arriving(key) > highest:
                continue  # what is arriving may be the very event that was refused, and isn't confirmed yet
            ids: dict[int, str] = {}
            for first, last in _ranges(of_key, highest):
                ids |= await self._reader.event_ids(key, first, last, retry)
            found += _decide(of_key, highest, ids, in_doubt=retry.in_doubt)
        if found:
            await self._writer.confirm([*{item.key for item in found}], retry)
            for item in found:
                item.settle(None)


def _ranges(items: Sequence[Append], highest: int) -> list[tuple[int, int]]:
    """The numbers of the items, up to the highest: as one range if it isn't too long."""
    ranges = [(item.numbers[0], min(item.last, highest)) for item in items if item.numbers[0] <= highest]
    if not ranges:
        return []
    whole = min(first for first, _ in ranges), max(last for _, last in ranges)
    return [whole] if whole[1] - whole[0] < _MOST_IDS else ranges


def _decide(items: Sequence[Append], highest: int, ids: dict[int, str], *, in_doubt: bool) -> list[Append]:
    """The items of a key that are stored. Settles the others, except those that can be stored next."""
    found: list[Append] = []
    following = highest + 1
    for item in items:
        number = item.numbers[0]
        if [ids.get(each) for each in item.numbers] == list(item.ids):
            found.append(item)
        elif item.first == following and item.refusal:
            what = f"event {number} of key {item.key!r:.200}"
            item.settle(refused(what, item.refusal, outcome_known=not in_doubt))
        elif item.first == following:
            following = item.last + 1
        elif in_doubt and ids.get(number) is None:
            # Nothing is stored there, or what was stored there was deleted, and may have been this item.
            text = f"event {number} of key {item.key!r:.200} may have been stored and deleted"
            item.settle(OutcomeUnknownError(text))
        else:
            item.settle(SequenceConflictError(item.key, number, highest))
    return found
