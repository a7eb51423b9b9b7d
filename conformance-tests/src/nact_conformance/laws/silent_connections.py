"""F: connections fall silent, and neither end is told. The module `lost_messages` says what else is in F."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nact.persistence import PersistedSnapshot
from nact_conformance._faults.fault_helpers import inflict, server, unless_unavailable, when_available
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

Call = Callable[[], Awaitable[object]]


class SilentConnectionLaws:
    """A firewall forgets connections, a machine vanishes: every call ends in time, and a new connection works."""

    @law("F-25", Need.SERVER, Need.SECOND_CLIENT, guarantee=7)
    async def test_every_call_on_a_connection_that_fell_silent_ends(self, trial: Trial) -> None:
        """Success or EngineUnavailableError, within the time that a call may take; then the same client works."""
        calls = [(need, choose) for need, choose in _CALLS if need is None or trial.offers(need)]
        keys = [trial.key() for _ in calls]
        clients = [await _connected(trial, key) for key in keys]
        await inflict(trial, "all connections fall silent; new ones work", server(trial).proxy.silence)
        begin = [choose(client, key) for (_, choose), client, key in zip(calls, clients, keys, strict=True)]
        await trial.at_once(unless_unavailable(call()) for call in begin)
        await trial.at_once(when_available(trial, call) for call in begin)
        for client, key in zip(clients, keys, strict=True):
            numbers = await when_available(trial, lambda: client.numbers(key))  # noqa: B023
            promise = "after calls on silent connections, the same client works on new ones"
            trial.expect_one_of(numbers, ([1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [3]), promise)

    @law("F-26", Need.SERVER, Need.SECOND_CLIENT, Need.CLOSING, guarantee=13)
    async def test_an_engine_whose_connections_fell_silent_can_be_closed(self, trial: Trial) -> None:
        """`aclose` says farewell and doesn't wait for an answer for ever: idle, or with a call under way."""
        key = trial.key()
        idle, writing, deleting = [await _connected(trial, key if turn == 0 else trial.key()) for turn in range(3)]
        await inflict(trial, "all connections fall silent; new ones work", server(trial).proxy.silence)
        calls = [asyncio.ensure_future(writing.persist(event(key, 4)))]
        if trial.offers(Need.DELETION):
            calls.append(asyncio.ensure_future(deleting.delete_events(key, up_to=1)))
        await asyncio.sleep(0)
        await trial.at_once(client.aclose() for client in (idle, writing, deleting))
        await trial.outcomes(calls)


async def _connected(trial: Trial, key: str) -> Client:
    """A client whose engine is open and has used its connection: for reads and for writes."""
    client = await trial.another_client()
    for number in (1, 2, 3):
        await client.persist(event(key, number))
    await client.events(key)
    return client


def _snapshot(key: str) -> PersistedSnapshot:
    return PersistedSnapshot(key=key, sequence_number=2, data="taken")


def _persist(client: Client, key: str) -> Call:
    fourth = event(key, 4)
    return lambda: client.persist(fourth)


def _persist_all(client: Client, key: str) -> Call:
    batch = [event(key, number) for number in (4, 5)]
    return lambda: client.persist_all(batch)


_CALLS: list[tuple[Need | None, Callable[[Client, str], Call]]] = [
    (None, _persist),
    (None, lambda client, key: lambda: client.events(key)),
    (Need.BATCHES, _persist_all),
    (Need.DELETION, lambda client, key: lambda: client.delete_events(key, up_to=3)),
    (Need.HIGHEST, lambda client, key: lambda: client.highest(key)),
    (Need.LISTING, lambda client, key: lambda: client.keys(key)),
    (Need.SNAPSHOTS, lambda client, key: lambda: client.latest_snapshot(key)),
    (Need.SNAPSHOTS, lambda client, key: lambda: client.take_snapshot(_snapshot(key))),
    (Need.SNAPSHOTS, lambda client, key: lambda: client.delete_snapshots(key, up_to=3)),
]
"""Every call of the contract, as it is repeated: with the same events."""
