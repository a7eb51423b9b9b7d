"""The parts of redis-py that the engine uses and its documentation doesn't promise. No server is needed.

A failure here after an upgrade of redis-py names the part that changed: adapt `_connections/driver.py`.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from importlib.metadata import requires
from typing import ClassVar

import pytest
from packaging.requirements import Requirement
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, MovedError, NoScriptError, ResponseError

from nact_persistence_redis._connections import driver
from nact_persistence_redis._connections.errors import as_redirection

pytestmark = pytest.mark.anyio


class Server:
    """Answers every command with OK, but the three below; keeps the commands."""

    ANSWERS: ClassVar = {b"FAIL": b"-ERR no\r\n", b"PING": b"+PONG\r\n", b"SILENCE": b""}

    def __init__(self) -> None:
        self.port = 0
        self.commands: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2])
                self.commands.append(words[0])
                writer.write(self.ANSWERS.get(words[0], b"+OK\r\n"))
        except (ConnectionError, ValueError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server
        for writer in server.writers:
            writer.close()


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool(Connection, host="127.0.0.1", port=server.port, protocol=2, decode_responses=True)
    yield pool
    await driver.close(pool)


def test_untried_versions_of_the_driver_are_not_installed() -> None:
    needed = [Requirement(text) for text in requires("nact-persistence-redis") or ()]
    (redis,) = [each for each in needed if each.name == "redis"]
    assert any(each.operator == "<" for each in redis.specifier)
    (hiredis,) = [each for each in needed if each.name == "hiredis"]
    assert any(each.operator == "<" for each in hiredis.specifier)


async def test_replies_come_in_order_undecoded_and_errors_are_returned(pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    ok, error, last = await driver.replies(connection, [("ONE",), ("FAIL",), ("TWO",)])
    assert (ok, last) == (b"OK", b"OK")
    assert isinstance(error, ResponseError)
    await pool.release(connection)


async def test_no_health_check_is_sent_between_the_commands(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    connection.health_check_interval, connection.next_health_check = 1, -1  # long due
    server.commands.clear()
    await driver.replies(connection, [("ONE",), ("TWO",)])
    assert server.commands == [b"ONE", b"TWO"]
    await pool.release(connection)


async def test_a_connection_that_is_taken_is_connected_and_usable(pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    assert connection.is_connected
    assert await driver.is_usable(connection)
    assert await driver.replies(connection, [("PING",)]) == [b"PONG"]
    assert await driver.is_usable(connection)
    await pool.release(connection)


async def test_a_connection_with_an_unasked_reply_is_not_usable(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    server.writers[-1].write(b"+unasked\r\n")
    async with asyncio.timeout(10):
        while await driver.is_usable(connection):  # noqa: ASYNC110 - the bytes arrive when they do
            await asyncio.sleep(0)
    await pool.release(connection)


async def test_a_connection_that_the_server_closed_is_not_usable(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    server.writers[-1].close()
    async with asyncio.timeout(10):
        while await driver.is_usable(connection):  # noqa: ASYNC110 - the bytes arrive when they do
            await asyncio.sleep(0)
    await pool.release(connection)


async def test_dropping_a_connection_sends_nothing_more(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    assert connection._writer is not None
    transport = connection._writer.transport
    server.writers[-1].transport.pause_reading()  # type: ignore[attr-defined]
    connection._writer.write(b"x" * 50_000_000)  # more than the buffers of the network take
    assert transport.get_write_buffer_size() > 0
    await driver.drop(connection)
    assert not connection.is_connected
    assert transport.get_write_buffer_size() == 0
    await pool.release(connection)


async def test_a_dropped_connection_connects_again_and_that_is_told(pool: ConnectionPool) -> None:
    class Listener:
        def __init__(self) -> None:
            self.told: list[driver.Connection] = []

        def on_connect(self, connection: driver.Connection) -> None:
            self.told.append(connection)

    listener, connection = Listener(), await driver.take(pool)
    driver.on_connect(connection, listener.on_connect)
    await driver.drop(connection)
    await connection.connect()
    assert listener.told == [connection]
    driver.no_longer_on_connect(connection, listener.on_connect)
    await driver.drop(connection)
    await connection.connect()
    assert listener.told == [connection]
    await pool.release(connection)


async def test_a_pool_closes_connections_in_use_too(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    await driver.close(pool)
    assert not connection.is_connected
    await pool.release(connection)


async def test_a_cluster_client_shows_its_nodes_and_arguments() -> None:
    def remap(node: tuple[str, int]) -> tuple[str, int]:
        return node

    client = RedisCluster(
        startup_nodes=[ClusterNode("one", 7001), ClusterNode("two", 7002)], password="secret", address_remap=remap
    )
    assert sorted(driver.cluster_nodes(client)) == [("one", 7001, Connection), ("two", 7002, Connection)]
    assert driver.cluster_settings(client)["password"] == "secret"
    assert driver.cluster_remap(client) is remap
    client = RedisCluster(host="one", port=7001, ssl=True)
    assert driver.cluster_nodes(client) == [("one", 7001, SSLConnection)]
    assert driver.cluster_remap(client) is None
    del client
    gc.collect()


async def test_a_client_shows_its_pool() -> None:
    pool = BlockingConnectionPool(host="nowhere")
    assert Redis(connection_pool=pool).connection_pool is pool


async def test_a_sentinel_shows_its_clients() -> None:
    sentinel = Sentinel([("one", 26379), ("two", 26380)], sentinel_kwargs={"password": "watch"})  # type: ignore[no-untyped-call]
    clients = driver.sentinel_clients(sentinel)
    assert [client.connection_pool.connection_kwargs["port"] for client in clients] == [26379, 26380]
    pool = SentinelConnectionPool("journal", sentinel, ssl=True, max_connections=3)  # type: ignore[no-untyped-call]
    assert pool.max_connections == 3


def test_a_retry_can_be_none_at_all() -> None:
    assert Retry(NoBackoff(), 0)._retries == 0


def test_urls_are_parsed_into_arguments() -> None:
    parsed = dict(parse_url("rediss://me:secret@host:7000?db=3&client_name=x&health_check_interval=5"))
    assert (parsed["username"], parsed["password"], parsed["host"], parsed["port"]) == ("me", "secret", "host", 7000)
    assert (parsed["db"], parsed["client_name"], parsed["health_check_interval"]) == (3, "x", 5)
    assert parsed["connection_class"] is SSLConnection


def test_slots_are_found_as_the_server_finds_them() -> None:
    assert REDIS_CLUSTER_HASH_SLOTS == 16384
    assert key_slot(b"123456789") == 12739  # as the specification of Redis Cluster has it
    assert key_slot(b"nact:{a}:events") == key_slot(b"a")


@pytest.mark.parametrize(("text", "kind"), [("ASK 3999 127.0.0.1:6381", AskError), ("MOVED 3999 one:7", MovedError)])
def test_redirections_name_a_node(text: str, kind: type[AskError]) -> None:
    error = as_redirection(ResponseError(text))
    assert type(error) is kind
    assert (error.slot_id, error.host, error.port) == (3999, *_host_and_port(text))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(" ")[2].partition(":")
    return host, int(port)


async def test_a_forgotten_script_is_an_error_of_its_own(server: Server, pool: ConnectionPool) -> None:
    connection = await driver.take(pool)
    writing = asyncio.ensure_future(driver.replies(connection, [("SILENCE",)]))
    while b"SILENCE" not in server.commands:  # noqa: ASYNC110 - the server has no event
        await asyncio.sleep(0)
    server.writers[-1].write(b"-NOSCRIPT No matching script. Please use EVAL.\r\n")
    (error,) = await writing
    assert isinstance(error, NoScriptError)
    await pool.release(connection)
