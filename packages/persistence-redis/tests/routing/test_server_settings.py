"""Servers' settings, held against the durability that was asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from nact.errors import EngineUnavailableError
from nact_persistence_redis._connections.abandoned import Peer
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import TransientWeaknessError
from nact_persistence_redis._routing.durability import Durability, DurabilityPolicy
from nact_persistence_redis._routing.server_settings import ServerSettings, settings_of
from nact_persistence_redis._statements.scripts import Command


def settings(**changed: Any) -> ServerSettings:
    safe: dict[str, Any] = {
        "version": (7, 0),
        "is_replica": False,
        "replicas": 0,
        "appends": True,
        "syncs": "always",
        "evicts": "noeviction",
        "is_loading": False,
        "ends_connections": True,
        "peer": Peer("run", 1),
    }
    return ServerSettings(**{**safe, **changed})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"appends": False}, "set appendonly yes"),
        ({"syncs": "everysec"}, "set appendfsync always"),
        ({"syncs": "no", "version": (6, 2)}, "set appendfsync always"),
        ({"syncs": "no", "version": (8, 0)}, "half a minute.*set appendfsync always"),
        ({"evicts": "allkeys-lru"}, "set noeviction"),
        ({"is_replica": True}, "follows another server"),
    ],
)
def test_a_server_that_promises_less_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineUnavailableError, match=told):
        DurabilityPolicy("always", "refuse", 0, 1.0).check(settings(**changed))


@pytest.mark.parametrize(
    ("durability", "changed"),
    [
        ("always", {"version": (8, 0)}),
        ("always", {"version": (8, 0), "evicts": "volatile-lru"}),
        ("always", {"version": (7, 2), "syncs": "everysec"}),
        ("everysec", {"syncs": "everysec"}),
        ("none", {"syncs": "no"}),
        ("none", {"appends": False, "evicts": "allkeys-lru"}),
    ],
)
def test_a_server_that_promises_enough_is_taken(durability: Durability, changed: dict[str, Any]) -> None:
    DurabilityPolicy(durability, "refuse", 0, 1.0).check(settings(**changed))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"syncs": "no"}, "set appendfsync everysec"),
        ({"appends": False}, "set appendonly yes"),
        ({"evicts": "allkeys-lfu"}, "set noeviction"),
    ],
)
def test_everysec_is_a_promise_too(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineUnavailableError, match=told):
        DurabilityPolicy("everysec", "refuse", 0, 1.0).check(settings(**changed))


def test_what_may_soon_be_over_is_told_from_what_stays() -> None:
    with pytest.raises(TransientWeaknessError):
        DurabilityPolicy("always", "refuse", 1, 1.0).check(settings(replicas=0))
    with pytest.raises(EngineUnavailableError) as refused:
        DurabilityPolicy("always", "refuse", 1, 1.0).check(settings(replicas=0, syncs="no"))
    assert not isinstance(refused.value, TransientWeaknessError)


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"syncs": "everysec"}, "last two seconds"), ({"appends": False}, "since the last dump")],
)
def test_what_a_weaker_durability_can_lose_is_said(
    caplog: pytest.LogCaptureFixture, changed: dict[str, Any], told: str
) -> None:
    caplog.set_level(logging.INFO, "nact.persistence.redis")
    DurabilityPolicy("none", "refuse", 0, 1.0).check(settings(**{"syncs": "no", **changed}))
    assert told in caplog.text


def test_missing_replicas_are_refused() -> None:
    with pytest.raises(EngineUnavailableError, match="1 replicas"):
        DurabilityPolicy("always", "refuse", 2, 1.0).check(settings(replicas=1))


def test_what_the_server_does_not_tell_is_said_to_be_unknown(caplog: pytest.LogCaptureFixture) -> None:
    DurabilityPolicy("always", "refuse", 0, 1.0).check(settings(syncs=None, evicts=None))
    assert "CONFIG GET" in caplog.text


def test_a_possible_failover_is_told(caplog: pytest.LogCaptureFixture) -> None:
    DurabilityPolicy("always", "refuse", 0, 1.0).check(settings(replicas=1))
    assert "failover" in caplog.text


def test_the_same_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    policy = DurabilityPolicy("always", "warn", 0, 1.0)
    policy.check(settings(syncs="everysec"))
    policy.check(settings(syncs="everysec"))
    assert caplog.text.count("set appendfsync always") == 1


def test_a_reply_after_the_fsync_is_enough() -> None:
    assert DurabilityPolicy("always", "refuse", 0, 1.0).confirmation(settings(version=(8, 0))) is None


def test_where_the_fsync_comes_later_it_is_waited_for() -> None:
    confirmation = DurabilityPolicy("always", "refuse", 1, 1.0).confirmation(settings(version=(7, 2), syncs="everysec"))
    assert confirmation is not None
    assert confirmation.commands == (("WAIT", 1, 100), ("WAITAOF", 1, 1, 1000))
    assert confirmation.doubt([1, 1]) is None
    assert confirmation.doubt([1, 2]) is None
    assert isinstance(confirmation.doubt([0, 1]), TimeoutError)
    assert isinstance(confirmation.doubt([1, 0]), TimeoutError)


def test_an_accepted_server_that_never_syncs_isnt_waited_for() -> None:
    policy, never = DurabilityPolicy("always", "accept", 0, 1.0), settings(version=(8, 0), syncs="no")
    policy.check(never)
    assert policy.confirmation(never) is None
    replicated = DurabilityPolicy("always", "accept", 1, 1.0).confirmation(never)
    assert replicated is not None
    assert replicated.commands == (("WAIT", 1, 1000),)


def test_a_server_that_does_not_tell_when_it_syncs_is_waited_for() -> None:
    confirmation = DurabilityPolicy("always", "refuse", 0, 1.0).confirmation(settings(version=(8, 0), syncs=None))
    assert confirmation is not None
    assert confirmation.commands == (("WAITAOF", 1, 0, 1000),)


def test_an_older_server_confirms_replicas_only() -> None:
    confirmation = DurabilityPolicy("always", "refuse", 2, 1.0).confirmation(settings())
    assert confirmation is not None
    assert confirmation.commands == (("WAIT", 2, 1000),)
    assert confirmation.doubt(2) is None
    assert isinstance(confirmation.doubt(1), TimeoutError)


@pytest.mark.anyio
async def test_a_server_that_is_busy_now_is_asked_again() -> None:
    async def ask(commands: Sequence[Command]) -> list[Reply]:
        return [ResponseError("BUSY Redis is busy running a script.")] * len(commands)

    with pytest.raises(TransientWeaknessError, match="busy"):
        await settings_of(ask)
