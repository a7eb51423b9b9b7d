"""Acknowledgements and states that rest on a read are confirmed: on fake connections, which note their statements."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact_persistence_postgres._connections.connection import CONFIRM, Lease
from nact_persistence_postgres._connections.pool import ConnectionPool
from nact_persistence_postgres._connections.retry import Attempts
from nact_persistence_postgres._connections.runner import Runner
from nact_persistence_postgres._reading.reader import Reader
from nact_persistence_postgres._settings import Settings, checked_source
from nact_persistence_postgres._statements.sql import ColumnTypes, Statements
from nact_persistence_postgres._statements.tables import Tables
from nact_persistence_postgres._writing.appends import Append, EventWriter
from nact_persistence_postgres._writing.deletion import Deletion
from nact_persistence_postgres._writing.first_tombstones import FirstTombstones
from nact_persistence_postgres._writing.last_numbers import KnownNumbers

pytestmark = pytest.mark.anyio

TABLES = Tables(
    sql=Statements(None, "e", "s"),
    event_types=ColumnTypes("json", "json"),
    snapshot_types=ColumnTypes("json", "json"),
    max_key_characters=None,
    remembers=True,
    is_sorted_by_code_point=True,
    may_delete_events=True,
    may_delete_snapshots=True,
    own_keys=frozenset(),
    numbering_keys=frozenset(),
)


class FakeConnection:
    """A connection that answers as if all that is asked for were there, and all that is written were written before."""

    def __init__(self, made_at: float = 0.0) -> None:
        self.told: list[str] = []
        self.made_at = made_at
        self.is_ended = False
        self.listener: Callable[[object, object], None] | None = None

    async def execute(self, statement: str, *_: object) -> str:
        self.told.append(statement)
        return "DELETE 0" if statement.startswith("DELETE") else "INSERT 0 0"

    async def fetch(self, statement: str, *_: object) -> list[Any]:
        self.told.append(statement)
        return [(True, "id", 1)]

    async def fetchval(self, statement: str, *_: object) -> int:
        self.told.append(statement)
        return 0

    async def fetchrow(self, statement: str, *_: object) -> Any:
        self.told.append(statement)
        return (1, 1, True) if statement == TABLES.sql.to_delete else None

    def add_log_listener(self, listener: Callable[[object, object], None]) -> None:
        self.listener = listener

    def remove_log_listener(self, _: object) -> None:
        self.listener = None

    def is_closed(self) -> bool:
        return self.is_ended

    def terminate(self) -> None:
        self.is_ended = True


class FakeRunner:
    """In place of a runner and of write connections: each piece of work has a connection of its own."""

    def __init__(self, *, has_standby: bool = False) -> None:
        self.has_standby = has_standby
        self.used: list[FakeConnection] = []

    def attempts(self, *, in_doubt: bool = False) -> Attempts:
        return Attempts(0, in_doubt=in_doubt)

    async def run(self, work: Callable[[Any], Awaitable[Any]], _: Attempts, **__: bool) -> Any:
        self.used.append(FakeConnection())
        return await work(self.used[-1])


async def test_a_write_found_stored_is_confirmed_where_it_was_read() -> None:
    runner = FakeRunner()
    item = Append("key", 1, [("key", 1, 0, "null", "{}", "id", None)])
    assert await EventWriter(TABLES, runner, KnownNumbers(0)).write([item]) == [None]  # type: ignore[arg-type]
    assert [CONFIRM in each.told for each in runner.used] == [TABLES.sql.states in each.told for each in runner.used]
    assert CONFIRM in runner.used[-1].told


async def test_a_tombstone_found_stored_is_confirmed_where_it_was_read() -> None:
    runner = FakeRunner()
    row = ("key", 1, 0, "null", "{}", "id", None)
    await FirstTombstones(TABLES, runner, 1).write(row)  # type: ignore[arg-type]
    assert runner.used[-1].told[-2:] == [TABLES.sql.states, CONFIRM]


async def test_a_deletion_found_done_is_confirmed_where_it_was_read() -> None:
    runner = FakeRunner()
    deletion = Deletion(TABLES, runner, 1)  # type: ignore[arg-type]
    await deletion.run("key", 1)
    await deletion._bury("key", 1)
    await Reader(TABLES, runner, 10).delete_snapshots("key", 1)  # type: ignore[arg-type]
    assert [each.told[-1] for each in runner.used] == [CONFIRM] * 3


@pytest.mark.parametrize("has_standby", [True, False])
async def test_reads_wait_for_a_standby_where_there_is_one(has_standby: bool) -> None:
    runner = FakeRunner(has_standby=has_standby)
    await Reader(TABLES, runner, 10).keys("", inclusive=True)  # type: ignore[arg-type]
    assert [CONFIRM in each.told for each in runner.used] == [has_standby]


class FakePool:
    """A pool of these connections, of which the next one comes first."""

    def __init__(self, *connections: FakeConnection) -> None:
        self.connections = list(connections)

    async def acquire(self, *, timeout: float) -> FakeConnection:
        return self.connections.pop(0)

    async def release(self, connection: FakeConnection, *, timeout: float) -> None:
        pass

    def get_idle_size(self) -> int:
        return len(self.connections)


def pool_of(*connections: FakeConnection) -> ConnectionPool:
    pool: Any = FakePool(*connections)
    return ConnectionPool(
        checked_source(pool),
        Settings(
            name="db",
            create=False,
            schema=None,
            event_table="e",
            snapshot_table="s",
            ssl=None,
            max_connections=3,
            statement_cache_size=None,
            timeout=5,
            retry_for=0,
            page_size=1,
        ),
    )


async def test_only_connections_newer_than_a_silence_are_used() -> None:
    now = asyncio.get_running_loop().time()
    old, new = FakeConnection(made_at=now - 1), FakeConnection(made_at=now + 60)
    pool = pool_of(FakeConnection(made_at=now - 2), old, new)
    silent = await pool.take(Attempts(0))
    pool.abandon(silent, TimeoutError())
    await pool.give_back(silent)
    taken: Any = await pool.take(Attempts(0))
    assert taken.connection is new
    assert (old.is_ended, new.is_ended) == (True, False)


@pytest.mark.parametrize("function", ["SyncRepWaitForLSN", "another"])
async def test_a_commit_that_did_not_wait_is_unknown(function: str) -> None:
    connection: Any = FakeConnection()
    pool = pool_of()
    pool.has_pooler = True  # no transaction of its own around
    runner = Runner(pool, 0)
    lease = Lease(connection, writes=True)

    async def work(_: object) -> str:
        assert connection.listener is not None
        connection.listener(connection, SimpleNamespace(server_source_function=function))
        return "INSERT 0 1"

    if function == "another":
        assert await runner.statement(lease, work, runner.attempts()) == "INSERT 0 1"
        return
    with pytest.raises(EngineUnavailableError) as caught:
        await runner.statement(lease, work, runner.attempts())
    assert isinstance(caught.value, OutcomeUnknownError)
