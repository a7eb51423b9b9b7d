"""The connection that writes: kept from one batch to the next, since taking it from a pool costs time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg

from nact.errors import EngineUnavailableError
from nact_persistence_postgres._connections.connection import Connection, Session, is_usable
from nact_persistence_postgres._connections.errors import is_answer, keeps_connection
from nact_persistence_postgres._connections.fence import new_mark
from nact_persistence_postgres._connections.pool import Sessions
from nact_persistence_postgres._connections.retry import Trying
from nact_persistence_postgres._connections.taskless import Timer, step

if TYPE_CHECKING:
    PreparedStatement: TypeAlias = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]
else:
    PreparedStatement = asyncpg.prepared_stmt.PreparedStatement

T = TypeVar("T")

_PLAN_ONCE = "SET plan_cache_mode = force_generic_plan"
"""Postgres would plan a statement with arrays anew each time, which takes as long as to insert some ten rows."""

_LINGER = 0.05
"""For how many seconds a connection of the user's pool is kept, in case that there is another write."""


class Lane:
    """One connection, for one write at a time. Replaced when it breaks; given back when it rests, if it isn't ours.

    Args:
        sessions: Where connections come from.
        statement: What `start` runs.
    """

    def __init__(self, sessions: Sessions, statement: str | None = None) -> None:
        self._sessions = sessions
        self._statement = statement
        self._session: Session | None = None
        self._prepared: PreparedStatement | None = None
        self._timer = Timer(sessions.timeout, self._timed_out)
        self._resting: asyncio.TimerHandle | None = None
        self._giving_back: asyncio.Task[None] | None = None
        self._is_busy = False
        sessions.room.add_keeper(self._make_room)

    def trying(self, *, in_doubt: bool = False) -> Trying:
        return self._sessions.trying(in_doubt=in_doubt)

    def start(self, values: Sequence[object], answered: Callable[[str | None], None]) -> bool:
        """Begins with the statement, in the least time: without a task, on a connection that is known to be good.

        Later it calls `answered`, with the command tag, an empty one if it certainly failed, or `None` if it may have
        been done or not.

        Returns:
            False if that isn't possible: nothing was begun.
        """
        prepared, session = self._prepared, self._session
        if prepared is None or session is None or not is_usable(session.connection) or self._sessions.fence.is_needed:
            return False
        self._timer.begin()
        self._is_busy = True

        def finished(error: BaseException | None) -> None:
            self._timer.end()
            self._is_busy = False
            if self._sessions.room.is_wanted:
                self._rest()
            if error is None and not session.is_unconfirmed:
                answered(prepared.get_statusmsg())
                return
            if not keeps_connection(error):
                self._sessions.abandon(session, error)
            answered("" if is_answer(error) else None)

        has_begun = step(prepared.fetch(*values), finished)
        if not has_begun:
            self._timer.end()
            self._is_busy = False
        return has_begun

    async def run(self, work: Callable[[Connection], Awaitable[T]], trying: Trying) -> T:
        """Like `Sessions.run`, on this lane's connection."""
        self._stay_awake()
        self._is_busy = True
        try:
            while True:
                try:
                    session = await self._usable(trying)
                    return await self._sessions.statement(session, work, trying)
                except EngineUnavailableError as error:
                    await trying.again(error)
        finally:
            self._is_busy = False
            if self._sessions.room.is_wanted:
                self._rest()
            elif not self._sessions.owns_pool:
                self._resting = asyncio.get_running_loop().call_later(_LINGER, self._rest)

    async def aclose(self) -> None:
        """Gives the connection back. Can be called again."""
        self._stay_awake()
        self._timer.cancel()
        self._rest()
        if self._giving_back is not None:
            await asyncio.wait([self._giving_back])

    async def _usable(self, trying: Trying) -> Session:
        if self._session is not None and not is_usable(self._session.connection):
            broken, self._session = self._session, None
            await self._sessions.give_back(broken)
        if self._session is None:
            self._session = await self._made_ready(await self._sessions.take(trying, writes=True, keeps=True), trying)
        elif self._sessions.fence.is_needed:
            await self._sessions.end_what_was_given_up(self._session, trying)
        return self._session

    async def _made_ready(self, session: Session, trying: Trying) -> Session:
        self._prepared = None
        try:
            if self._sessions.keeps_settings or self._sessions.keeps_statements:
                self._prepared = await self._sessions.statement(session, self._prepare, trying)
            elif not self._sessions.is_pooled:
                session.mark = new_mark()  # until the connection goes back: its pool resets it then
                await self._sessions.statement(session, partial(_take_mark, session.mark), trying)
        except BaseException:
            await self._sessions.give_back(session)
            raise
        return session

    async def _prepare(self, connection: Connection) -> PreparedStatement | None:
        if self._sessions.keeps_settings:
            await connection.execute(_PLAN_ONCE)
        if self._statement is None or not self._sessions.keeps_statements:
            return None
        return await connection.prepare(self._statement)

    def _timed_out(self) -> None:
        if self._session is not None:
            self._sessions.abandon(self._session, TimeoutError())

    def _stay_awake(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def _make_room(self) -> None:
        if not self._is_busy:
            self._stay_awake()
            self._rest()

    def _rest(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._giving_back = asyncio.create_task(self._sessions.give_back(session), name="nact postgres rest")


async def _take_mark(mark: int, connection: Connection) -> None:
    await connection.execute(f"SELECT pg_advisory_lock({mark})")
