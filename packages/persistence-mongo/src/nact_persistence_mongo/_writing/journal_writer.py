"""Stores documents at the ends of journals, as new documents or in the place of a fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from nact.errors import OutcomeUnknownError
from nact.persistence.building.last_numbers import LastNumbers
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.errors import RefusedWriteError, is_passing_code, is_place_taken
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.page_sizes import PageSizes
from nact_persistence_mongo._writing.appends import Run
from nact_persistence_mongo._writing.inserts import Inserted, Inserts, portions
from nact_persistence_mongo._writing.predecessors import Predecessor

_size, _first = attrgetter("size"), attrgetter("first")


class JournalWriter:
    """Writes runs of items, each as one document.

    Args:
        commands: Commands that write to the journal.
        inserts: Inserts into the journal.
        fences: Knows where fences stand.
        last_numbers: Is told where journals end.
        sizes: Is told how large documents are.
    """

    def __init__(
        self, commands: Commands, inserts: Inserts, fences: Fences, last_numbers: LastNumbers, sizes: PageSizes
    ) -> None:
        self._commands = commands
        self._inserts = inserts
        self._fences = fences
        self._last_numbers = last_numbers
        self._sizes = sizes

    async def store(self, runs: Sequence[Run], retry: ServerRetry) -> None:
        """Settles the items of the runs that are stored. Leaves those that are refused, which may be stored already.

        Raises:
            NactError: The server refuses, or doesn't answer in time.
        """
        new: list[Run] = []
        for run in runs:
            mark = self._fences.take(run.key, run.first)
            if mark is None:
                new.append(run)
            else:
                await self._replace(run, mark, retry)
        if new:
            for portion in portions(new):
                await self._insert(portion, retry)
        largest = max(runs, key=_size)
        self._sizes.note_document(largest.size, sum(len(item.ids) for item in largest.items))

    async def confirm(self, keys: Sequence[str], retry: ServerRetry) -> None:
        """Returns when what is stored of these keys is as durable as what was acknowledged."""
        await retry.run(lambda: self._commands.confirm([*keys]))

    async def _insert(self, runs: Sequence[Run], retry: ServerRetry) -> None:
        documents = [run.document() for run in runs]
        # One check for all: whatever emptied the collection also removed the predecessor of the highest number.
        checked = max(runs, key=_first)
        inserted = await retry.run(lambda: self._inserts.insert(documents, checked.key, checked.first))
        if inserted.predecessor is Predecessor.UNKNOWN:
            retry.in_doubt = True
            inserted.predecessor = await retry.run(lambda: self._inserts.check(checked.key, checked.first))
        if inserted.predecessor is not Predecessor.FITS:
            await self._undo(runs, inserted, retry)
            return
        retry.in_doubt |= not inserted.is_confirmed
        for place, run in enumerate(runs):
            if place in inserted.failures:
                _refuse(run, inserted.failures[place])
            elif inserted.is_confirmed:
                self._stored(run)

    async def _replace(self, run: Run, mark: object, retry: ServerRetry) -> None:
        replaced = await retry.run(lambda: self._replaced(run, mark))
        if isinstance(replaced, RefusedWriteError):
            _refuse(run, replaced.details or {})
        elif replaced:
            self._stored(run)

    async def _replaced(self, run: Run, mark: object) -> bool | RefusedWriteError:
        try:
            return await self._fences.replace(run.key, run.first, mark, run.document())
        except RefusedWriteError as refusal:  # it concerns this run, and not the others of the batch
            return refusal

    def _stored(self, run: Run) -> None:
        self._last_numbers.raise_to(run.key, run.last)
        self._fences.passed(run.key)
        for item in run.items:
            item.settle(None)

    async def _undo(self, runs: Sequence[Run], inserted: Inserted, retry: ServerRetry) -> None:
        """Removes what was inserted after a gap, or without the unique index, and forgets what was known.

        Raises:
            OutcomeUnknownError: The unique index is gone, so that nothing can be stored; or an earlier attempt, whose
                answer was lost, may have left a document.
        """
        is_first_attempt, retry.in_doubt = not retry.in_doubt, True
        self._last_numbers.clear()
        deletes = [_removal(run) for place, run in enumerate(runs) if place not in inserted.failures]
        if deletes:
            await retry.run(lambda: self._commands.change("delete", ordered=False, deletes=deletes))
        if inserted.predecessor is Predecessor.NO_INDEX:
            raise OutcomeUnknownError("the unique index on key and sequence_number is gone")
        if not is_first_attempt:
            raise OutcomeUnknownError("documents were removed from the collection")
        retry.in_doubt = False


def _removal(run: Run) -> dict[str, Any]:
    event_id = run.items[0].ids[0]
    is_own = {"$or": [{"event_id": event_id}, {"events.event_id": event_id}]}
    return {"q": {"key": run.key, "sequence_number": run.first, **is_own}, "limit": 1}


def _refuse(run: Run, failure: Mapping[str, Any]) -> None:
    """Notes that validation rules, or a unique index that isn't the journal's, refused the run's document."""
    if is_place_taken(failure) or is_passing_code(failure):
        return
    if len(run.items) > 1:
        for item in run.items:
            item.is_suspect = True
        return
    run.items[0].refusal = str(failure.get("errmsg", "it didn't say why"))
