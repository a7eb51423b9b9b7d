from __future__ import annotations

from typing import Any

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from nact.persistence import engine_from_url
from nact_persistence_redis import RedisPersistenceEngine
from nact_persistence_redis._connections.address import Address, address_of
from nact_persistence_redis._routing.cluster import Cluster
from nact_persistence_redis._routing.one_server import OneServer
from nact_persistence_redis._routing.source import ConnectionOptions, servers_of

pytestmark = pytest.mark.anyio
OPTIONS = ConnectionOptions(timeout=2.0, max_connections=3)
SCHEMES = ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_schemes_of_redis_are_found(scheme: str) -> None:
    engine = engine_from_url(f"{scheme}://host/0")
    assert isinstance(engine, RedisPersistenceEngine)


def test_a_url_has_options_of_the_engine_and_of_the_driver() -> None:
    engine = engine_from_url("redis://host/0?durability=everysec&replicas=1&protocol=3&client_name=me")
    assert isinstance(engine, RedisPersistenceEngine)
    assert (engine._settings.durability, engine._settings.replicas) == ("everysec", 1)
    assert isinstance(engine._source, Address)
    options = engine._source.options
    assert (int(options["protocol"]), options["client_name"], options["db"]) == (3, "me", 0)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://host?durability=often", "durability must be one of"),
        ("redis://host?durability=none&durability=none", "twice"),
        ("redis://host?replicas=some", "replicas must be a whole number"),
        ("redis://host?prefix={}", "without braces"),
        ("redis://host?protocol=5", "option.*protocol"),
        ("redis://host/contacts", "number of a database.*'contacts'"),
        ("redis://host/1/2", "number of a database.*'1/2'"),
        ("redis://host/1?db=2", "database 1 and database 2"),
        ("redis://a,b/0", "names one host"),
        ("redis+cluster://host/3", "no other database than 0.*names 3"),
        ("redis+cluster://host?db=3", "no other database than 0.*names 3"),
        ("redis+sentinel://host", "names the service"),
        ("redis://host?sentinel_password=x", "option.*sentinel_password"),
        ("redis+sentinel://host/service?sentinel_wishes=3", "option.*wishes"),
        ("redis+sentinel://host/service?sentinel_ssl=yes", "sentinel_ssl must be true or false"),
        ("redis+sentinel://host/service/0", "names the service.*'service/0'"),
        ("redis+cluster://a,b:x", "names a host 'b:x'"),
        ("redis://host?timeout=0", "timeout must be"),
        ("redis://host?wishes=3", "option.*wishes"),
        ("redis+cluster://host?wishes=3", "option.*wishes"),
        ("redis+unix:///run/redis.sock?wishes=3", "option.*wishes"),
        ("redis+unix://host/run/redis.sock", "names its file, and no host"),
        ("redis+unix://", "names its file"),
    ],
)
def test_a_url_that_says_something_else_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        engine_from_url(url)


@pytest.mark.parametrize("source", [BlockingRedis(), b"redis://host", None], ids=["redis.Redis", "bytes", "None"])
def test_what_is_neither_a_url_nor_an_asyncio_client_is_refused(source: Any) -> None:
    with pytest.raises(TypeError, match=r"Redis or RedisCluster of redis\.asyncio"):
        RedisPersistenceEngine(source)


@pytest.mark.parametrize("password", ["1/secret", "1#secret", "s[secret", "s[secret]"])
def test_a_password_that_ends_the_host_is_refused_and_hidden(password: str) -> None:
    with pytest.raises(ValueError, match=r"%2F or %23|%5B") as refused:
        engine_from_url(f"redis://:{password}@host/0")
    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(engine_from_url("redis://me:secret@host/0?password=secret"))


async def test_a_plain_url_is_one_server_without_hidden_retries() -> None:
    servers = servers_of(address_of("redis://me:secret@host:7000/2"), OPTIONS)
    assert isinstance(servers, OneServer)
    settings = servers.pool(b"").connection_kwargs
    assert (settings["host"], settings["port"], settings["db"]) == ("host", 7000, 2)
    assert (settings["username"], settings["password"]) == ("me", "secret")
    assert settings["retry"]._retries == 0


async def test_two_s_mean_tls() -> None:
    pool = servers_of(address_of("rediss://host/0?ssl_ca_certs=ca.pem"), OPTIONS).pool(b"")
    assert issubclass(pool.connection_class, SSLConnection)
    assert pool.connection_kwargs["ssl_ca_certs"] == "ca.pem"
    assert pool.connection_kwargs["ssl_check_hostname"]
    pool = servers_of(address_of("rediss://host/0?ssl_cert_reqs=none"), OPTIONS).pool(b"")
    assert not pool.connection_kwargs["ssl_check_hostname"]


async def test_a_socket_is_named_by_its_file() -> None:
    pool = servers_of(address_of("redis+unix://me:secret@/run/redis%20one.sock?db=2"), OPTIONS).pool(b"")
    assert pool.connection_class is UnixDomainSocketConnection
    settings = pool.connection_kwargs
    assert (settings["path"], settings["db"], settings["username"]) == ("/run/redis one.sock", 2, "me")


async def test_a_cluster_url_names_several_nodes() -> None:
    servers = servers_of(address_of("redis+cluster://me:secret@one,two:7001"), OPTIONS)
    assert isinstance(servers, Cluster)
    assert servers._seeds == [("one", 6379), ("two", 7001)]
    settings = servers.pool_at("three", 7002).connection_kwargs
    assert (settings["host"], settings["port"], settings["password"]) == ("three", 7002, "secret")


async def test_a_sentinel_url_names_the_watchers_and_the_service() -> None:
    url = "rediss+sentinel://me:secret@one,two:7001/journal?db=3&sentinel_password=watch"
    pool = servers_of(address_of(url), OPTIONS).pool(b"")
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.service_name == "journal"
    assert issubclass(pool.connection_class, SentinelManagedSSLConnection)
    assert (pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("secret", 3)
    sentinels = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"], each["password"]) for each in sentinels] == [
        ("one", 26379, "watch"),
        ("two", 7001, "watch"),
    ]


async def test_sentinels_are_reached_by_tls_if_the_url_says_so() -> None:
    for said, kind in (("sentinel_ssl=true&sentinel_ssl_ca_certs=ca.pem&", SSLConnection), ("", Connection)):
        pool = servers_of(address_of(f"redis+sentinel://one,two/journal?{said}db=3"), OPTIONS).pool(b"")
        assert isinstance(pool, SentinelConnectionPool)
        for sentinel in pool.sentinel_manager.sentinels:
            assert sentinel.connection_pool.connection_class is kind
            assert sentinel.connection_pool.connection_kwargs.get("ssl_ca_certs") == ("ca.pem" if said else None)
