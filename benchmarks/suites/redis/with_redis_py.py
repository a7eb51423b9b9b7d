"""The subjects: redis-py, with the least script that checks a number and appends one event or many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import msgspec
from redis.asyncio import ConnectionPool, Redis

from benchmarks.latency import Latencies
from benchmarks.load import ACTORS, BATCH, KEY, MESSAGE
from benchmarks.measuring import Lap, Stopwatch
from benchmarks.model import Run
from benchmarks.suites.redis import server
from nact.persistence.records import now_ms

APPEND = """
for i, stream in ipairs(KEYS) do
  local at = 4 * i - 3
  if redis.call('XLEN', stream) + 1 ~= tonumber(ARGV[at]) then return redis.error_reply('CONFLICT') end
  redis.call('XADD', stream, ARGV[at] .. '-0',
    'event_id', ARGV[at + 1], 'created_at', ARGV[at + 2], 'tags', '[]', 'data', ARGV[at + 3])
end
return #KEYS
"""
"""The streams are the keys; each has four arguments, as `_fields` makes them."""

IN_A_PIPELINE = 100
CONNECTIONS = 100
"""At most; more writers share them."""
GATHERED = 500
"""How many events the bare group-commit loop puts into one script at most: as many as nact's engine does."""

Fields = tuple[int, str, int, bytes]


async def _one_by_one(writers: int, fsync: str, run: Run) -> float:
    """Events a second, each in a call of its own, by so many writers at once."""
    each = max(1, run.n // writers)
    return each * writers / await _seconds(writers, each, fsync, run, [])


async def at_once(run: Run) -> float:
    """Events a second, each in a call of its own, by `run.writers` at once."""
    return await _one_by_one(run.writers, server.ALWAYS, run)


async def latencies(run: Run) -> Latencies:
    """How long each call takes, by `run.writers` at once."""
    milliseconds: list[float] = []
    await _seconds(run.writers, max(1, run.n // run.writers), server.ALWAYS, run, milliseconds)
    return Latencies(milliseconds)


async def _seconds(writers: int, each: int, fsync: str, run: Run, milliseconds: list[float]) -> float:
    connections = min(writers, CONNECTIONS)
    room = asyncio.Semaphore(connections)
    async with _connected(run, connections, fsync) as (client, script):

        async def write(stream: str) -> None:
            for number in range(1, each + 1):
                with Lap(milliseconds):
                    async with room:
                        await client.evalsha(script, 1, stream, *_fields(number))

        with Stopwatch() as watch:
            await asyncio.gather(*[write(_stream(writer)) for writer in range(writers)])
    return watch.seconds


async def _by_pipeline(fsync: str, run: Run) -> float:
    """Events a second, a hundred calls a round trip."""
    trips = max(1, run.n // IN_A_PIPELINE)
    async with _connected(run, 1, fsync) as (client, script):
        with Stopwatch() as watch:
            for number in range(1, trips + 1):
                pipeline = client.pipeline(transaction=False)
                for writer in range(IN_A_PIPELINE):
                    pipeline.evalsha(script, 1, _stream(writer), *_fields(number))  # type: ignore[unused-awaitable]
                await pipeline.execute()
    return trips * IN_A_PIPELINE / watch.seconds


async def _by_one_script(fsync: str, run: Run) -> float:
    """Events a second, a hundred in one call."""
    trips = max(1, run.n // IN_A_PIPELINE)
    streams = [_stream(writer) for writer in range(IN_A_PIPELINE)]
    async with _connected(run, 1, fsync) as (client, script):
        with Stopwatch() as watch:
            for number in range(1, trips + 1):
                arguments = [argument for _ in streams for argument in _fields(number)]
                await client.evalsha(script, len(streams), *streams, *arguments)
    return trips * IN_A_PIPELINE / watch.seconds


class _GroupCommit:
    """The least that gathers events of concurrent writers in one call of the script."""

    def __init__(self, client: Redis, script: str) -> None:
        self._client = client
        self._script = script
        self._waiting: list[tuple[str, Fields, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    def submit(self, stream: str, fields: Fields) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((stream, fields, done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:GATHERED], self._waiting[GATHERED:]
            arguments = [argument for _, fields, _ in batch for argument in fields]
            await self._client.evalsha(self._script, len(batch), *[stream for stream, *_ in batch], *arguments)
            for *_, done in batch:
                done.set_result(None)
        self._flusher = None


async def _group_commit(writers: int, fsync: str, run: Run) -> float:
    each = max(1, run.n // writers)
    async with _connected(run, 1, fsync) as (client, script):
        commits = _GroupCommit(client, script)

        async def write(stream: str) -> None:
            for number in range(1, each + 1):
                await commits.submit(stream, _fields(number))

        with Stopwatch() as watch:
            await asyncio.gather(*[write(_stream(writer)) for writer in range(writers)])
    return each * writers / watch.seconds


async def read(run: Run) -> float:
    """Events a second, read a page at a time, their data decoded."""
    count, after = 0, "-"
    async with Redis.from_url(run.server) as client:
        with Stopwatch() as watch:
            while page := await client.execute_command(  # type: ignore[no-untyped-call]
                "XRANGE", _journal(KEY), after, "+", "COUNT", BATCH
            ):
                for _, fields in page:
                    msgspec.json.decode(fields[b"data"])
                    count += 1
                after = f"({page[-1][0].decode()}"
    return count / watch.seconds


@asynccontextmanager
async def _connected(run: Run, connections: int, fsync: str) -> AsyncIterator[tuple[Redis, str]]:
    """A client with so many connections, and the digest of the script."""
    async with server.empty(run, fsync):
        pool = ConnectionPool.from_url(run.server, max_connections=connections)
        async with Redis.from_pool(pool) as client:
            await asyncio.gather(*[client.ping() for _ in range(connections)])  # so all are connected
            yield client, await client.script_load(APPEND)


def _stream(writer: int) -> str:
    return _journal(f"{KEY}-{writer}")


def _journal(key: str) -> str:
    return f"{server.PREFIX}{{{key}}}:events"


def _fields(number: int) -> Fields:
    """Of an event, made while the clock runs, for nact can't make them earlier either."""
    return number, str(uuid4()), now_ms(), msgspec.json.encode(MESSAGE)


one_by_one = partial(_one_by_one, 1, server.ALWAYS)
hundred_at_once = partial(_one_by_one, 100, server.ALWAYS)
hundred_at_once_everysec = partial(_one_by_one, 100, server.EVERYSEC)
by_pipeline = partial(_by_pipeline, server.ALWAYS)
by_pipeline_everysec = partial(_by_pipeline, server.EVERYSEC)
by_one_script = partial(_by_one_script, server.ALWAYS)
group_commit_of_one = partial(_group_commit, 1, server.ALWAYS)
group_commit_of_many = partial(_group_commit, ACTORS, server.ALWAYS)
group_commit_of_many_everysec = partial(_group_commit, ACTORS, server.EVERYSEC)
