"""A primary that dies, and a standby that is promoted: both real, with synchronous replication between them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent
from nact_conformance.containers import PostgresStorage
from nact_persistence_postgres import PostgresPersistenceEngine
from nact_persistence_postgres._addresses.hosts import each_host

pytestmark = pytest.mark.anyio

BASE_BACKUP = (
    "rm -rf $PGDATA/* && pg_basebackup -d 'host={host} port={port} user=test password=test' -D $PGDATA -R -X stream "
    "&& chown -R postgres $PGDATA"
)


def sql(server: PostgresStorage, *statements: str) -> None:
    for statement in statements:
        server.run("psql", "-U", "test", "-c", statement)


@pytest.fixture
def pair(containers: None) -> Iterator[tuple[PostgresStorage, PostgresStorage]]:
    """A primary and its standby. What the primary acknowledges is on the standby's disk, too."""
    primary, standby = PostgresStorage(), PostgresStorage()
    try:
        primary.start()
        primary.run("sh", "-c", "echo host replication all all scram-sha-256 >> $PGDATA/pg_hba.conf")
        sql(primary, "SELECT pg_reload_conf()")
        standby.start()
        standby.kill()
        standby.change_data(BASE_BACKUP.format(host=primary.gateway, port=primary.port))
        standby.start()
        sql(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        yield primary, standby
    finally:
        primary.stop()
        standby.stop()


def url(pair: tuple[PostgresStorage, PostgresStorage]) -> str:
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in pair)
    return f"postgresql://test:test@{hosts}/test?target_session_attrs=read-write"


def event(key: str, number: int) -> PersistedEvent:
    return PersistedEvent(key=key, sequence_number=number, data={"number": number})


async def test_writers_follow_to_the_standby_and_lose_nothing(
    pair: tuple[PostgresStorage, PostgresStorage], key: str
) -> None:
    primary, standby = pair
    acknowledged: dict[str, list[int]] = {f"{key}-{writer}": [] for writer in range(10)}
    promoted = asyncio.Event()

    async def write(mine: str) -> None:
        stop_at = 0
        while not stop_at or len(acknowledged[mine]) < stop_at:
            await engine.persist(event(mine, len(acknowledged[mine]) + 1))
            acknowledged[mine].append(len(acknowledged[mine]) + 1)
            stop_at = stop_at or (len(acknowledged[mine]) + 3 if promoted.is_set() else 0)

    async with PostgresPersistenceEngine(url(pair), timeout=5, retry_for=60) as engine:
        writers = asyncio.gather(*[write(mine) for mine in acknowledged])
        while not all(acknowledged.values()):
            await asyncio.wait([writers], timeout=0.01)
        await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(sql, standby, "SELECT pg_promote()")
        promoted.set()
        await writers
        for mine, numbers in acknowledged.items():
            assert [each.sequence_number async for each in engine.events(mine)] == numbers


async def waiting_for_the_standby(primary: PostgresStorage, end: str) -> None:
    """Ends the backend that waits, or its wait, as an impatient operator does."""
    async with asyncio.timeout(30):
        while True:
            found = await asyncio.to_thread(
                primary.run,
                *("psql", "-U", "test", "-At", "-c"),
                f"SELECT {end}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
            )
            if "t" in found:
                return


@pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_what_no_standby_has_is_not_acknowledged(
    pair: tuple[PostgresStorage, PostgresStorage], key: str, end: str
) -> None:
    primary, standby = pair
    async with PostgresPersistenceEngine(url(pair), timeout=3, retry_for=3) as engine:
        await engine.persist(event(key, 1))
        await asyncio.to_thread(standby.kill)
        write = asyncio.create_task(engine.persist(second := event(key, 2)))
        await waiting_for_the_standby(primary, end)
        with pytest.raises(EngineUnavailableError) as caught:
            await write
        assert isinstance(caught.value, OutcomeUnknownError)
        await asyncio.to_thread(standby.start)
        await engine.persist(second)
        assert [each.sequence_number async for each in engine.events(key)] == [1, 2]


async def test_what_is_found_done_waits_for_the_standby(
    pair: tuple[PostgresStorage, PostgresStorage], key: str
) -> None:
    _, standby = pair
    async with PostgresPersistenceEngine(url(pair), timeout=1, retry_for=1) as engine:
        await engine.persist_all([event(key, 1), last := event(key, 2)])
        await engine.delete_events(key, up_to=1)
        await engine.delete_snapshots(key, up_to=1)
        await asyncio.to_thread(standby.kill)
        for again in (
            engine.persist(last),
            engine.delete_events(key, up_to=1),
            engine.delete_snapshots(key, up_to=1),
        ):
            with pytest.raises(EngineUnavailableError) as caught:
                await again
            assert isinstance(caught.value, OutcomeUnknownError)


async def test_a_silent_host_does_not_keep_writers_from_the_next_one(
    server: PostgresStorage, schema: str, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it is connected to, and never answers
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{server.port}"
        url = f"postgresql://test:test@{hosts}/test?target_session_attrs=read-write"
        async with PostgresPersistenceEngine(url, schema=schema, retry_for=2) as engine:
            await engine.persist(event(key, 1))
            assert [each.sequence_number async for each in engine.events(key)] == [1]


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://localhost/db", ["postgresql://localhost/db"]),
        ("postgresql:///db?host=/run", ["postgresql:///db?host=/run"]),
        (
            "postgres://u:p%2F@a:1,[::1]:2/d?x=1,2",
            ["postgres://u:p%2F@a:1/d?x=1,2", "postgres://u:p%2F@[::1]:2/d?x=1,2"],
        ),
        ("postgresql://a,b?sslmode=require", ["postgresql://a?sslmode=require", "postgresql://b?sslmode=require"]),
        ("pg://a,b/?target_session_attrs=prefer-standby", ["pg://a,b/?target_session_attrs=prefer-standby"]),
    ],
)
def test_a_dsn_of_several_hosts_is_one_for_each(dsn: str, expected: list[str]) -> None:
    assert each_host(dsn) == expected
