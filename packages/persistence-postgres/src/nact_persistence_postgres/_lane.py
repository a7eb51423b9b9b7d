"""The connection that writes: kept from one batch to the next, since taking it from a pool costs time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nact.errors import EngineUnavailableError
from nact_persistence_postgres._sessions import Connection, PooledConnection, Sessions, Trying, is_usable

T = TypeVar("T")

_PLAN_ONCE = "SET plan_cache_mode = force_generic_plan"
"""Postgres would plan a statement with arrays anew each time, which takes as long as to insert some ten rows."""

_LINGER = 0.05
"""For how many seconds a connection of the user's pool is kept, in case that there is another write."""


class Lane:
    """One connection, for one write at a time. Replaced when it breaks; given back when it rests, if it isn't ours."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._connection: PooledConnection | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._giving_back: asyncio.Task[None] | None = None

    def trying(self) -> Trying:
        return self._sessions.trying()

    async def run(self, work: Callable[[Connection], Awaitable[T]], trying: Trying) -> T:
        """Like `Sessions.run`, on this lane's connection."""
        self._stay_awake()
        try:
            while True:
                try:
                    connection = await self._usable(trying)
                    return await self._sessions.statement(connection, work, trying)
                except EngineUnavailableError as error:
                    await trying.again(error)
        finally:
            if not self._sessions.owns_pool:
                self._resting = asyncio.get_running_loop().call_later(_LINGER, self._rest)

    async def aclose(self) -> None:
        """Gives the connection back. Can be called again."""
        self._stay_awake()
        self._rest()
        if self._giving_back is not None:
            await asyncio.wait([self._giving_back])

    async def _usable(self, trying: Trying) -> PooledConnection:
        if self._connection is not None and not is_usable(self._connection):
            broken, self._connection = self._connection, None
            await self._sessions.give_back(broken)
        if self._connection is None:
            self._connection = await self._sessions.take(trying)
            if self._sessions.keeps_settings:
                await self._sessions.statement(self._connection, _plan_once, trying)
        return self._connection

    def _stay_awake(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def _rest(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._giving_back = asyncio.create_task(self._sessions.give_back(connection), name="nact postgres rest")


async def _plan_once(connection: Connection) -> None:
    await connection.execute(_PLAN_ONCE)
