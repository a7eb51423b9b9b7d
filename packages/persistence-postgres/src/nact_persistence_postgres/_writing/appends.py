"""Writes batches of events: one statement, one transaction and one fsync for each batch, and an outcome for each item.

The engine doesn't check again what it saw stored, so the usual batch is a plain INSERT. When that is refused, by the
unique key or by the statement's own conditions, the writer asks the journal about each row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import asyncpg

from nact.errors import EngineUnavailableError, NactError, OutcomeUnknownError, SequenceConflictError
from nact.persistence.building.errors import copy_for_caller, engine_unavailable
from nact.persistence.building.group_commit import Outcome
from nact_persistence_postgres._connections.connection import Connection, confirm
from nact_persistence_postgres._connections.errors import RACED, Refused, refused
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.write_connection import WriteConnection
from nact_persistence_postgres._statements.rows import NO_TAGS, EventRow, listed, old_event_id
from nact_persistence_postgres._statements.tables import Tables
from nact_persistence_postgres._writing.last_numbers import KnownNumbers

_ATTEMPTS = 100
"""Times that other writers may come first, each time having moved the journal on."""

_RACES_TOGETHER = 2
"""Times that a batch that raced with others is tried as a whole. Then it is halved, so that a busy key delays few."""

_RACES_ALONE = 5
"""Times that the unique key may refuse an item that is next by the journal's own account."""

_LOOKED_FOR = 8
"""Keys of a batch for which the statement looks whether the event before is still there: see ADR 43."""

_WARY_FOR = 100
"""Batches after a deletion in which every row is checked: one deletion is likely to be followed by others."""


@dataclass(slots=True)
class Append:
    """The events of one `persist` or `persist_all`: one key, all or nothing."""

    key: str
    first: int
    rows: Sequence[EventRow]
    outcome: Outcome = None
    in_doubt: bool = False
    """An earlier attempt may have stored it."""


class EventWriter:
    """Appends events to the journal.

    Args:
        tables: The tables to write to.
        connection: The connection to write over.
        known: The last numbers that were seen stored.
    """

    def __init__(self, tables: Tables, connection: WriteConnection, known: KnownNumbers) -> None:
        self._tables = tables
        self._connection = connection
        self._known = known
        self._wary = 0 if tables.remembers else sys.maxsize

    async def write(self, items: Sequence[Append]) -> Sequence[Outcome]:
        """Stores the items, and returns the outcome of each: a conflict or a refusal concerns one item alone."""
        attempts = self._connection.attempts(in_doubt=items[0].in_doubt)
        self._wary -= self._wary > 0
        waiting = items if len(items) == 1 else sorted(items, key=_by_key)  # one order of locks: no deadlock
        while waiting:
            wave, waiting = _next_wave(waiting)
            await self._settle(wave, attempts, attempt=0)
        return [item.outcome for item in items]

    def write_alone(self, item: Append, answered: Callable[[bool], None]) -> bool:
        """Begins to store an item of one row that is known to be next. Calls back with true if it is certainly stored.

        Returns:
            False if it isn't such an item, or there is no connection at hand: nothing was begun.
        """
        if len(item.rows) != 1 or self._wary or self._known.get(item.key) != item.first - 1:
            return False
        last_deletion = self._known.last_deletion

        def answered_with(tag: str | None) -> None:
            is_stored = tag == "INSERT 0 1"
            item.in_doubt = tag is None  # an empty tag says that nothing was stored
            if is_stored:
                self._known.put_since(item.key, item.first, last_deletion)
            answered(is_stored)

        return self._connection.start([*item.rows[0], last_deletion], answered_with)

    async def _settle(self, items: Sequence[Append], attempts: Attempts, attempt: int) -> None:
        """Gives each item its outcome. The numbers of a key follow one another."""
        try:
            while not await self._stores(items, attempts, check_all=attempt > 0):
                items = await self._undecided(items, attempts)
                attempt += 1
                if not items:
                    return
                if attempt > _ATTEMPTS:
                    raise engine_unavailable(
                        "the journal takes no rows, and nothing tells why", outcome_known=not attempts.in_doubt
                    )
        except (*RACED, Refused) as error:
            await self._settle_again(items, attempts, attempt, error)
        except NactError as error:
            for item in items:
                item.outcome = copy_for_caller(error)

    async def _settle_again(self, items: Sequence[Append], attempts: Attempts, attempt: int, error: Exception) -> None:
        """Tries items that raced with others once more, and items that the server refuses together in halves."""
        if attempt < _RACES_TOGETHER and self._is_race(error):
            await self._settle(items, attempts, attempt + 1)
        elif len(items) > 1:
            half = len(items) // 2
            await self._settle(items[:half], attempts, attempt=1)
            await self._settle(items[half:], attempts, attempt=1)
        elif isinstance(error, Refused):
            items[0].outcome = _refused(items[0], error, in_doubt=attempts.in_doubt)
        else:
            try:
                await self._settle_race(items[0], attempts, attempt, error)
            except NactError as final:
                items[0].outcome = copy_for_caller(final)

    async def _settle_race(self, item: Append, attempts: Attempts, attempt: int, error: Exception) -> None:
        """Asks the journal about an item that a unique key refused. Tries it again after a deadlock and its like."""
        if not isinstance(error, asyncpg.UniqueViolationError):
            raced = EngineUnavailableError(f"others write to the journal: {error}")
            raced.__cause__ = error
            await attempts.again(raced)
        elif not await self._undecided([item], attempts):
            return
        elif attempt >= _RACES_ALONE or not self._is_race(error):
            # Another unique index, a sequence that was set back, or a row that row security hides.
            item.outcome = _refused(item, error, in_doubt=attempts.in_doubt, advice=self._tables.advice(error))
            return
        await self._settle([item], attempts, attempt + 1)

    def _is_race(self, error: Exception) -> bool:
        """Whether another writer of the journal was faster."""
        if isinstance(error, asyncpg.UniqueViolationError):
            return error.constraint_name is None or error.constraint_name in self._tables.own_keys
        return isinstance(error, RACED)

    async def _stores(self, items: Sequence[Append], attempts: Attempts, *, check_all: bool) -> bool:
        """Stores the rows. Returns false if some may not be stored."""
        last_deletion = self._known.last_deletion
        rows = [row for item in items for row in item.rows]
        statement, values = self._statement(items, rows, check_all=check_all or self._wary > 0)

        async def insert(connection: Connection) -> str:
            return await connection.execute(statement, *values)

        tag = await self._connection.run(insert, attempts)
        if tag != f"INSERT 0 {len(rows)}":
            attempts.in_doubt |= tag != "INSERT 0 0"  # until the journal has said which ones
            return False
        for item in items:
            self._known.put_since(item.key, item.first + len(item.rows) - 1, last_deletion)
        return True

    def _statement(
        self, items: Sequence[Append], rows: Sequence[EventRow], *, check_all: bool
    ) -> tuple[str, Sequence[object]]:
        """The statement that stores the rows, with its values: a plain INSERT if all are known to be next."""
        unknown: dict[str, int] = {}
        before: dict[str, int] = {}
        key = ""
        for item in items:
            if item.key != key:  # a run begins
                key = item.key
                if check_all or self._known.get(key) != item.first - 1:
                    unknown[key] = item.first
                elif item.first > 1 and len(before) < _LOOKED_FOR:
                    before[key] = item.first - 1
        if not unknown and len(rows) == 1:
            return self._tables.append_one, [*rows[0], self._known.last_deletion]
        # A list for each column. (`zip` would make as many iterators as there are rows, for the collector to visit.)
        keys, texts, tags, ids, metadata = ([row[column] for row in rows] for column in (0, 3, 4, 5, 6))
        numbers, times = listed([row[1] for row in rows]), listed([row[2] for row in rows])
        places = list(before), listed(before.values())
        if not unknown and tags.count(NO_TAGS) == metadata.count(None) == len(rows):
            return self._tables.append_plain, [keys, numbers, times, texts, ids, self._known.last_deletion, *places]
        values = [keys, numbers, times, texts, tags, ids, metadata, list(unknown), listed(unknown.values())]
        if check_all:
            return self._tables.append_checked, values
        return self._tables.append, [*values, self._known.last_deletion, *places]

    async def _undecided(self, items: Sequence[Append], attempts: Attempts) -> list[Append]:
        """Asks the journal about each item, and settles those that are stored or refused. The others are still next."""
        in_doubt = attempts.in_doubt  # as it was before the question, which may find another item stored
        try:
            last_deletion, states = await self._connection.run(partial(self._states, items, attempts), attempts)
        except (*RACED, Refused) as error:  # of the question, not of the rows
            raise engine_unavailable(
                f"the journal didn't tell what it holds: {error}", outcome_known=not attempts.in_doubt
            ) from error
        if last_deletion != self._known.last_deletion:
            self._known.begin_again(last_deletion)
            self._wary = _WARY_FOR
        undecided: list[Append] = []
        for item, mine in _with_states(items, states):
            if in_doubt and _may_be_deleted(item, mine):
                item.outcome = _deleted_since(item)
            else:
                self._decide(item, mine, undecided, last_deletion)
        return undecided

    async def _states(
        self, items: Sequence[Append], attempts: Attempts, connection: Connection
    ) -> tuple[int, Sequence[asyncpg.Record]]:
        """The journal's rows at the numbers of the items. Confirms those that are stored."""
        last_deletion = await connection.fetchval(self._tables.sql.last_deletion) if self._tables.remembers else 0
        keys = [row[0] for item in items for row in item.rows]
        numbers = listed(row[1] for item in items for row in item.rows)
        states = await connection.fetch(self._tables.sql.states, keys, numbers)
        if any(_are_mine(item, mine) for item, mine in _with_states(items, states)):
            attempts.in_doubt = True
            await confirm(connection)  # here, where it was found: after a failover another server would answer
        return last_deletion, states

    def _decide(
        self, item: Append, states: Sequence[asyncpg.Record], undecided: list[Append], last_deletion: int
    ) -> None:
        """Settles an item that is stored and confirmed, or in conflict. Otherwise it is still next."""
        highest: int = states[0][2]
        if _are_mine(item, states):
            self._known.put_since(item.key, item.first + len(item.rows) - 1, last_deletion)
        elif highest == item.first - 1 or (undecided and undecided[-1].key == item.key):
            undecided.append(item)
        else:
            self._known.forget(item.key)
            if highest < item.first - 1:  # is more gone?
                self._known.begin_again(self._known.last_deletion)
                self._wary = max(self._wary, _WARY_FOR)
            item.outcome = SequenceConflictError(item.key, item.first, highest)


def _by_key(item: Append) -> str:
    return item.key


def _next_wave(items: Sequence[Append]) -> tuple[Sequence[Append], Sequence[Append]]:
    """Splits the items into those that can go in one statement, and those that come after.

    In one statement the numbers of a key have to follow one another: no number twice, no gap.
    """
    wave: list[Append] = []
    later: list[Append] = []
    key, following = "", 0  # the items are sorted by key
    for item in items:
        if item.key != key:
            key, following = item.key, item.first
        if item.first == following:
            wave.append(item)
            following += len(item.rows)
        else:
            later.append(item)
    return wave, later


def _with_states(
    items: Sequence[Append], states: Sequence[asyncpg.Record]
) -> Iterator[tuple[Append, Sequence[asyncpg.Record]]]:
    """Each item with the journal's rows at its numbers."""
    place = 0
    for item in items:
        yield item, states[place : place + len(item.rows)]
        place += len(item.rows)


def _are_mine(item: Append, states: Sequence[asyncpg.Record]) -> bool:
    """Whether the item itself is stored at its numbers."""
    stored = [
        (event_id or old_event_id(item.key, row[1])) if found else None
        for row, (found, event_id, _) in zip(item.rows, states, strict=True)
    ]
    return stored == [row[5] for row in item.rows]


def _may_be_deleted(item: Append, states: Sequence[asyncpg.Record]) -> bool:
    """Whether its first number was used by an event that is gone, which may have been its own."""
    found, _, highest = states[0]
    return not found and highest >= item.first


def _deleted_since(item: Append) -> EngineUnavailableError:
    text = f"event {item.first} of key {item.key!r:.200} may have been stored, and deleted since"
    return OutcomeUnknownError(text)


def _refused(item: Append, error: Exception, *, in_doubt: bool, advice: str | None = None) -> NactError:
    return refused(f"event {item.first} of key {item.key!r:.200}", error, in_doubt=in_doubt, advice=advice)
