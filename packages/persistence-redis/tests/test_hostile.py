"""Batches that are too large, bounds beyond 64 bits, a busy server, ended loops, forks, closing at any moment."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from nact.errors import EngineClosedError, InvalidEventError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine
from nact_persistence_redis._connections.errors import TransientWeaknessError
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._routing.server_settings import settings_of
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.scripts import Command
from nact_persistence_redis._writing.appends import Append
from nact_persistence_redis._writing.writer import Writer

pytestmark = pytest.mark.anyio
Numbered = Callable[..., list[PersistedEvent]]
NOWHERE = "redis://127.0.0.1:1/0"
BUSY_FOR_TWO_SECONDS = "local t = redis.call('TIME')[1] + 2; while tonumber(redis.call('TIME')[1]) < t do end"


async def numbers(engine: RedisPersistenceEngine, key: str, after: int = 0, limit: int | None = None) -> list[int]:
    return [event.sequence_number async for event in engine.events(key, after=after, limit=limit)]


async def test_a_batch_that_would_block_the_server_is_refused(key: str, numbered: Numbered) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    with pytest.raises(InvalidEventError, match="20000"):
        await engine.persist_all(numbered(key, 1, 20_001))
    with pytest.raises(InvalidEventError, match="JSON"):
        await engine.persist_all(numbered(key, 1, 65, data="x" * 2**20))


async def test_the_largest_batch_is_stored(engine: RedisPersistenceEngine, key: str, numbered: Numbered) -> None:
    await engine.persist_all(numbered(key, 1, 20_000))
    assert await engine.highest_sequence_number(key) == 20_000


class Answers:
    """Stands for the way to a server that stores everything; keeps what was asked together."""

    def __init__(self) -> None:
        self.servers = self
        self.asked: list[Sequence[Request]] = []

    def pool(self, _name: bytes) -> str:
        return "the one"

    def script_group(self, _name: bytes) -> None:
        return None

    async def ask(self, requests: Sequence[Request], *, durably: bool) -> list[object]:
        self.asked.append(requests)
        return [[-1] * 100 for _ in requests]


def writer_of(router: Any) -> Writer:
    return Writer(router, Names("nact:"), 500)


async def test_large_batches_of_several_writers_dont_share_a_script() -> None:
    router = Answers()
    fields = [("1-0", "id", "0", "[]", "1")] * 15_000
    await asyncio.gather(
        *[writer.append(Append(f"k{n}", 1, fields)) for writer in [writer_of(router)] for n in range(4)]
    )
    assert len(router.asked) == 2


async def test_a_snapshot_that_is_tried_again_isnt_overtaken() -> None:
    """Two of one name never travel together, where the first alone may be refused for a moment."""
    router = Answers()
    writer = writer_of(router)
    snapshots = [PersistedSnapshot(key="k", sequence_number=1, data=data) for data in ("old", "new")]
    await asyncio.gather(*map(writer.put_snapshot, snapshots))
    assert [len(requests) for requests in router.asked] == [1, 1]


async def test_a_closed_writer_takes_no_write_for_any_server() -> None:
    writer = writer_of(Answers())
    await writer.aclose()
    with pytest.raises(EngineClosedError):
        await writer.put_snapshot(PersistedSnapshot(key="k", sequence_number=1, data=None))


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("word", ["BUSY", "LOADING", "MASTERDOWN", "TRYAGAIN"])
async def test_a_server_that_is_busy_while_it_is_asked(place: int, word: str) -> None:
    """Whatever question it doesn't answer: what it doesn't tell would be taken for what it doesn't allow."""
    replies: list[object] = [b"redis_version:8.0.0\r\nrun_id:r\r\n", [], 7, 0]
    replies[place] = ResponseError(f"{word} not now")

    async def ask(_commands: Sequence[Command]) -> list[Any]:
        return replies

    with pytest.raises(TransientWeaknessError, match=word):
        await settings_of(ask)


async def test_a_server_that_is_busy_while_it_is_greeted(
    server: RedisStorage, shell: Redis, key: str, numbered: Numbered
) -> None:
    """A name and a database are told to the server first of all."""
    url = server.bare_url.replace("/0", "/1?client_name=me&protocol=3")
    await shell.config_set("busy-reply-threshold", 1)
    busy = asyncio.ensure_future(shell.execute_command("EVAL", BUSY_FOR_TWO_SECONDS, 0))  # type: ignore[no-untyped-call]
    try:
        async with Redis(port=server.port) as other:
            while not await is_busy(other):  # noqa: ASYNC110 - the server doesn't tell
                await asyncio.sleep(0)
        async with RedisPersistenceEngine(url, retry_for=60) as engine:
            await engine.persist(numbered(key, 1, 1)[0])
    finally:
        await busy
        await shell.config_set("busy-reply-threshold", 5000)


async def is_busy(client: Redis) -> bool:
    try:
        await client.ping()
    except ResponseError as error:
        return "BUSY" in str(error)
    return False


@pytest.mark.parametrize("beyond", [2**63 - 1, 2**63, 2**64, 10**30])
async def test_bounds_beyond_64_bits_are_answered(
    engine: RedisPersistenceEngine, key: str, numbered: Numbered, beyond: int
) -> None:
    await engine.persist_all(numbered(key, 1, 3))
    await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=3, data=None))
    assert await numbers(engine, key, after=beyond) == []
    assert await numbers(engine, key, limit=beyond) == [1, 2, 3]
    assert await engine.latest_snapshot(key, up_to=beyond) is not None
    await engine.delete_snapshots(key, up_to=beyond)
    assert await engine.latest_snapshot(key, up_to=beyond) is None
    await engine.delete_events(key, up_to=beyond)
    assert await numbers(engine, key, after=beyond) == []
    assert await numbers(engine, key) == [3]


@pytest.mark.parametrize("bound", [True, 1.0, "1"])
async def test_bounds_that_are_no_int_are_refused(key: str, bound: int) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    for use in (
        numbers(engine, key, after=bound),
        numbers(engine, key, limit=bound),
        engine.latest_snapshot(key, up_to=bound),
        engine.delete_snapshots(key, up_to=bound),
        engine.delete_events(key, up_to=bound),
    ):
        with pytest.raises(TypeError, match="int"):
            await use


async def test_arguments_out_of_range_are_refused(key: str) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    for use in (
        numbers(engine, key, after=-1),
        numbers(engine, key, limit=-1),
        numbers(engine, ""),
        engine.highest_sequence_number("\ud800"),
        engine.delete_events("", up_to=1),
        engine.latest_snapshot(""),
    ):
        with pytest.raises(ValueError, match=r"must (not )?be") as refused:
            await use
        assert not isinstance(refused.value, InvalidEventError)


async def test_what_is_no_record_is_refused(key: str) -> None:
    engine = RedisPersistenceEngine(NOWHERE)
    record: Any
    for record in (None, {"key": key}, key):
        for use in (engine.persist(record), engine.persist_all([record]), engine.take_snapshot(record)):
            with pytest.raises(TypeError, match="expected a Persisted"):
                await use


LOOPS = """
import asyncio, sys, warnings
from redis.asyncio import Redis
from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine
url = sys.argv[1]
client = Redis.from_url(url)
for name, engine in ("url", RedisPersistenceEngine(url)), ("client", RedisPersistenceEngine(client)):
    for number in 1, 2, 3:
        event = PersistedEvent(key=sys.argv[2] + name, sequence_number=number, data=None)
        asyncio.run(engine.persist(event))
    print(name, "works")
    asyncio.run(engine.aclose())
"""

FORK = """
import asyncio, os, sys, warnings
from nact.errors import EngineClosedError
from nact.persistence import PersistedEvent
from nact_persistence_redis import RedisPersistenceEngine
warnings.simplefilter("ignore", DeprecationWarning)

async def main():
    async with RedisPersistenceEngine(sys.argv[1]) as engine:
        if (child := os.fork()) == 0:
            asyncio.events._set_running_loop(None)
            try:
                asyncio.run(engine.persist(PersistedEvent(key=sys.argv[2], sequence_number=1, data=None)))
            except EngineClosedError as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        await engine.persist(PersistedEvent(key=sys.argv[2], sequence_number=1, data=None))
        print("parent goes on")

asyncio.run(main())
"""


def output_of(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_an_engine_works_in_one_loop_after_another(server: RedisStorage, key: str) -> None:
    told = output_of(LOOPS, server.bare_url, key)
    assert "url works" in told, told
    assert "client works" in told, told


def test_after_a_fork_within_a_loop_the_child_is_told(server: RedisStorage, key: str) -> None:
    told = output_of(FORK, server.bare_url, key)
    assert "before a fork" in told, told
    assert "parent goes on" in told, told


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21])
async def test_closing_while_it_opens_leaves_no_connection(
    server: RedisStorage, shell: Redis, key: str, numbered: Numbered, steps: int
) -> None:
    engine = RedisPersistenceEngine(f"{server.bare_url}?client_name={key.replace(':', '-')}")
    uses = [
        asyncio.ensure_future(use)
        for use in (engine.__aenter__(), engine.highest_sequence_number(key), engine.persist(numbered(key, 1, 1)[0]))
    ]
    for _ in range(steps):
        await asyncio.sleep(0)
    await engine.aclose()
    for outcome in await asyncio.gather(*uses, return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, EngineClosedError)
    while key.replace(":", "-") in {each["name"] for each in await shell.client_list()}:  # noqa: ASYNC110
        await asyncio.sleep(0)  # the server takes note
