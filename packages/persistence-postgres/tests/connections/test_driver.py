"""The parts of asyncpg that its documentation doesn't promise, and on which this engine relies.

`pyproject.toml` bounds asyncpg's version for their sake. Where one of these tests fails with a newer version, see the
code that it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg
import pytest

from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres._connections.errors import may_pass
from nact_persistence_postgres._connections.taskless import step

pytestmark = pytest.mark.anyio


async def driven(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, list[object]]:
    """The coroutine's result, and what it waited for; driven by callbacks, outside of any task."""
    loop, waited = asyncio.get_running_loop(), list[object]()
    done: asyncio.Future[Any] = loop.create_future()

    def drive(_: object = None) -> None:
        assert asyncio.current_task() is None
        try:
            future = coroutine.send(None)
        except StopIteration as stop:
            done.set_result(stop.value)
            return
        waited.append(future)
        future.add_done_callback(drive)

    loop.call_soon(drive)
    return await asyncio.wait_for(done, 5), waited


async def test_fetch_waits_for_futures_alone_and_needs_no_task(
    database: asyncpg.Connection[asyncpg.Record],
) -> None:
    """`WriteConnection.start` drives it by callbacks: what asks for the current task would fail there."""
    prepared = await database.prepare("SELECT $1::int")
    for number in (1, 2):
        rows, waited = await driven(prepared.fetch(number))
        assert [row[0] for row in rows] == [number]
        assert waited
        assert all(asyncio.isfuture(each) for each in waited)
        assert prepared.get_statusmsg() == "SELECT 1"


async def test_a_fetch_that_is_driven_raises_the_errors_of_the_server(
    database: asyncpg.Connection[asyncpg.Record],
) -> None:
    prepared = await database.prepare("SELECT 1 / $1::int")
    done: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    assert step(prepared.fetch(0), done.set_result)
    error = await asyncio.wait_for(done, 5)
    assert isinstance(error, asyncpg.DivisionByZeroError)
    assert error.severity_en == "ERROR"  # in English, whatever the locale: `is_answer` looks at it


async def test_a_message_of_the_server_names_its_function(database: asyncpg.Connection[asyncpg.Record]) -> None:
    """By it `Lease` recognises that a commit didn't wait for its standby."""
    messages: list[Any] = []
    database.add_log_listener(lambda _, message: messages.append(message))
    await database.execute("DO $$ BEGIN RAISE WARNING 'look'; END $$")
    await asyncio.sleep(0)
    assert [each.server_source_function for each in messages] == ["exec_stmt_raise"]


async def test_a_pool_tells_its_loop_and_that_it_is_closed(server: PostgresStorage) -> None:
    """The private `_loop` shows a pool of another event loop; by the text `may_pass` knows a closed one."""
    pool = await asyncpg.create_pool(server.bare_url, min_size=0)
    assert getattr(pool, "_loop", None) is asyncio.get_running_loop()
    await pool.close()
    with pytest.raises(asyncpg.InterfaceError) as error:
        await pool.acquire()
    assert "pool is" in str(error.value)
    assert not may_pass(error.value)
