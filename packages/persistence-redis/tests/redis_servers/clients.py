"""Clients that go straight to a server, past the proxy."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from nact_conformance.containers import RedisStorage


def client_of(server: RedisStorage) -> Redis:
    """A client that doesn't try twice."""
    return Redis(port=server.port, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def run(server: RedisStorage, *command: str | int) -> object:
    """The server's reply to a command."""
    with client_of(server) as client:
        return client.execute_command(*command)
