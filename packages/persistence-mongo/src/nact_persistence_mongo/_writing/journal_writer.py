"""Puts documents behind the ends of journals: new ones, or in the place of a fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from nact.errors import OutcomeUnknownError
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._connections.errors import RefusedWriteError, is_passing_code, is_place_taken
from nact_persistence_mongo._connections.retry import Trying
from nact_persistence_mongo._fences import Fences
from nact_persistence_mongo._reading.last_numbers import Seen
from nact_persistence_mongo._reading.page_sizes import Sizes
from nact_persistence_mongo._writing.appends import Run
from nact_persistence_mongo._writing.inserts import Inserted, Inserts, portions
from nact_persistence_mongo._writing.predecessors import Ground

_size, _first = attrgetter("size"), attrgetter("first")


class Journal:
    """The collection of events, as the writer sees it.

    Args:
        commands: Write to it.
        inserts: Insert into it.
        fences: Know where fences stand.
        seen: Learns where journals end.
        sizes: Learns how large documents are.
    """

    def __init__(self, commands: Commands, inserts: Inserts, fences: Fences, seen: Seen, sizes: Sizes) -> None:
        self._commands = commands
        self._inserts = inserts
        self._fences = fences
        self._seen = seen
        self._sizes = sizes

    async def store(self, runs: Sequence[Run], trying: Trying) -> None:
        """Settles the runs that are stored. Those that are refused as duplicates may be stored as well.

        Raises:
            NactError: The server refuses, or doesn't answer in time.
        """
        free: list[Run] = []
        for run in runs:
            mark = self._fences.take(run.key, run.first)
            if mark is None:
                free.append(run)
            else:
                await self._replace(run, mark, trying)
        if free:
            for portion in portions(free):
                await self._insert(portion, trying)
        largest = max(runs, key=_size)
        self._sizes.note_document(largest.size, sum(len(item.ids) for item in largest.items))

    async def confirm(self, keys: Sequence[str], trying: Trying) -> None:
        """Returns when what was found of these keys is as durable as what was acknowledged."""
        await trying.run(lambda: self._commands.confirm([*keys]))

    async def _insert(self, runs: Sequence[Run], trying: Trying) -> None:
        documents = [run.document() for run in runs]
        one = max(runs, key=_first)  # what emptied the collection took what stood before this one, too
        inserted = await trying.run(lambda: self._inserts.insert(documents, one.key, one.first))
        if inserted.ground is Ground.UNKNOWN:
            trying.maybe_done = True
            inserted.ground = await trying.run(lambda: self._inserts.look(one.key, one.first))
        if inserted.ground is not Ground.HOLDS:
            await self._undo(runs, inserted, trying)
            return
        trying.maybe_done |= not inserted.is_confirmed
        for place, run in enumerate(runs):
            if place in inserted.failures:
                _refuse(run, inserted.failures[place])
            elif inserted.is_confirmed:
                self._stored(run)

    async def _replace(self, run: Run, mark: object, trying: Trying) -> None:
        replaced = await trying.run(lambda: self._replaced(run, mark))
        if isinstance(replaced, RefusedWriteError):
            _refuse(run, replaced.details or {})
        elif replaced:
            self._stored(run)

    async def _replaced(self, run: Run, mark: object) -> bool | RefusedWriteError:
        try:
            return await self._fences.replace(run.key, run.first, mark, run.document())
        except RefusedWriteError as refusal:  # that of this run, and not of its neighbours
            return refusal

    def _stored(self, run: Run) -> None:
        self._seen.put(run.key, run.last)
        self._fences.passed(run.key)
        for item in run.items:
            item.settle(None)

    async def _undo(self, runs: Sequence[Run], inserted: Inserted, trying: Trying) -> None:
        """Removes what stands on nothing: the collection was emptied, say. What was known of it isn't true any more.

        Raises:
            EngineUnavailableError: Without the unique index nothing can be stored. Or an attempt whose answer was lost
                may have left a document there.
        """
        is_all_mine, trying.maybe_done = not trying.maybe_done, True
        self._seen.forget()
        deletes = [_removal(run) for place, run in enumerate(runs) if place not in inserted.failures]
        if deletes:
            await trying.run(lambda: self._commands.change("delete", ordered=False, deletes=deletes))
        if inserted.ground is Ground.NO_INDEX:
            raise OutcomeUnknownError("the unique index on key and sequence_number is gone")
        if not is_all_mine:
            raise OutcomeUnknownError("documents were removed from the collection")
        trying.maybe_done = False


def _removal(run: Run) -> dict[str, Any]:
    mine = run.items[0].ids[0]
    is_mine = {"$or": [{"event_id": mine}, {"events.event_id": mine}]}
    return {"q": {"key": run.key, "sequence_number": run.first, **is_mine}, "limit": 1}


def _refuse(run: Run, failure: Mapping[str, Any]) -> None:
    """The server says no to a document: because of its validation rules, or of a unique index of somebody's own."""
    if is_place_taken(failure) or is_passing_code(failure):
        return
    if len(run.items) > 1:
        for item in run.items:
            item.is_suspect = True
        return
    run.items[0].refusal = str(failure.get("errmsg", "it didn't say why"))
