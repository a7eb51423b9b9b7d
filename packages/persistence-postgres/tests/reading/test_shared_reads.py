from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import asyncpg
import pytest

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._reading.shared_reads import SharedQuery
from nact_persistence_postgres._statements.rows import Rows

pytestmark = pytest.mark.anyio


def event(key: str, number: int, data: object = None) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data=data)


async def stored(engine: PostgresPersistenceEngine, key: str, *, after: int = 0) -> list[PersistedEvent]:
    return [each async for each in engine.events(key, after=after)]


async def test_journals_read_at_once_share_a_few_statements(
    server: PostgresStorage, engine: PostgresPersistenceEngine, key: str
) -> None:
    keys = [f"{key}-{number}" for number in range(64)]
    await asyncio.gather(*[engine.persist(event(each, 1, each)) for each in keys])

    async def read_all() -> int:
        before = server.proxy.round_trips
        found = await asyncio.gather(*[stored(engine, each) for each in keys])
        snapshots = await asyncio.gather(*[engine.latest_snapshot(each) for each in keys])
        assert [[each.data for each in events] for events in found] == [[each] for each in keys]
        assert snapshots == [None] * 64
        return server.proxy.round_trips - before

    # At first, each connection prepares the statements.
    assert min([await read_all() for _ in range(4)]) <= 6


async def test_journals_read_at_once_are_read_whole(engine: PostgresPersistenceEngine, key: str) -> None:
    journals = {
        f"{key} is long": [event(f"{key} is long", number) for number in range(1, 251)],
        f"{key} has as many as come first": [event(f"{key} has as many as come first", n) for n in range(1, 101)],
        f"{key} begins with much": [event(f"{key} begins with much", n, "much " * 100_000) for n in range(1, 4)],
        f"{key} ends with much": [event(f"{key} ends with much", n, "much " * 1000 * n) for n in range(1, 9)],
    }
    for events in journals.values():
        await engine.persist_all(events)
    keys = [*journals, f"{key} is empty"]
    for after in (0, 1, 99):
        found = await asyncio.gather(*[stored(engine, each, after=after) for each in keys])
        assert found == [events[after:] for events in journals.values()] + [[]]


async def test_a_limit_counts_also_where_journals_are_read_at_once(engine: PostgresPersistenceEngine, key: str) -> None:
    await engine.persist_all([event(key, number) for number in range(1, 251)])

    async def first(limit: int) -> int:
        return len([each async for each in engine.events(key, limit=limit)])

    limits = [1, 99, 100, 101, 250, 251]
    assert await asyncio.gather(*map(first, limits)) == [1, 99, 100, 101, 250, 250]


async def test_snapshots_read_at_once_are_those_of_their_keys(engine: PostgresPersistenceEngine, key: str) -> None:
    for number in (1, 3, 2):
        snapshots = [PersistedSnapshot(key=f"{key}-{n}", sequence_number=number, data=[n, number]) for n in range(9)]
        await asyncio.gather(*[engine.take_snapshot(each) for each in snapshots])
    for up_to, latest in ((None, 3), (2, 2)):
        found = await asyncio.gather(*[engine.latest_snapshot(f"{key}-{n}", up_to=up_to) for n in range(9)])
        assert [each and each.data for each in found] == [[n, latest] for n in range(9)]


class Server:
    """Answers alone, and together only if it isn't spoilt."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.together: list[list[str]] = []
        self.gate = asyncio.Event()

    async def fetch(self, keys: list[str]) -> Rows:
        self.together.append(keys)
        if self.error is not None:
            spoilt = EngineUnavailableError("no")
            raise spoilt from self.error
        return [(key, place) for place, key in enumerate(keys, 1)]

    async def alone(self) -> Rows:
        await self.gate.wait()
        return [("alone",)]


async def ask(server: Server, count: int) -> list[Rows | BaseException]:
    query = SharedQuery(server.fetch)
    questions = [asyncio.ensure_future(query.rows((str(number),), server.alone)) for number in range(count)]
    await asyncio.wait(questions, timeout=0.01)
    server.gate.set()
    return await asyncio.gather(*questions, return_exceptions=True)


async def test_the_first_to_ask_asks_alone_and_the_others_together() -> None:
    server = Server()
    assert await ask(server, 4) == [[("alone",)], [("1",)], [("2",)], [("3",)]]
    assert server.together == [["1", "2", "3"]]


async def test_what_cannot_be_read_together_is_read_alone() -> None:
    server = Server(asyncpg.exceptions.DataCorruptedError("one of many rows"))
    assert await ask(server, 4) == [[("alone",)]] * 4


async def test_a_server_out_of_reach_is_not_asked_again_for_each_key() -> None:
    server = Server(ConnectionResetError())
    first, *others = await ask(server, 4)
    assert first == [("alone",)]
    assert all(isinstance(other, EngineUnavailableError) for other in others)


async def test_no_parameter_has_a_type_that_asyncpg_has_to_look_up(
    database: asyncpg.Connection[asyncpg.Record], engine: PostgresPersistenceEngine
) -> None:
    """About arrays of anything but text it asks for each new connection, by a statement that takes 10 ms."""
    await engine.highest_sequence_number("any")
    tables = (await engine._life.opened()).tables
    sql = tables.sql
    for statement in (
        *(
            tables.append,
            tables.append_plain,
            tables.append_one,
            tables.append_checked,
            tables.put_snapshots,
            tables.begin,
        ),
        *(sql.states, sql.first_pages, sql.latest_snapshots, sql.page(tagged=True), sql.page_of_large(tagged=True)),
    ):
        parameters = (await database.prepare(statement)).get_parameters()
        assert {each.name for each in parameters if each.kind == "array"} <= {"text[]"}, statement


async def test_after_a_shared_round_trip_the_first_waits_for_others() -> None:
    asked: list[Sequence[str]] = []
    alone: list[str] = []

    async def fetch(keys: Sequence[str]) -> Rows:
        asked.append(keys)
        return []

    async def by_itself(key: str) -> Rows:
        alone.append(key)
        await asyncio.sleep(0)
        return []

    query = SharedQuery(fetch)
    for _ in range(2):
        await asyncio.gather(*[query.rows((key,), partial(by_itself, key)) for key in "abc"])
    assert [*map(sorted, asked)] == [["b", "c"], ["a", "b", "c"]]
    for key in "de":
        await query.rows((key,), partial(by_itself, key))
    assert alone == ["a", "d", "e"]
    await query.aclose()
