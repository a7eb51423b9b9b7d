"""F: requests arrive late, when their client has given up. The module `lost_messages` says what else is in F."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from nact.errors import EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance._faults.fault_helpers import inflict, server, unless_unavailable, when_available
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

MOST_EXCHANGES = 4
"""The number of exchanges of a call at which it is tried, at most: an engine takes its time over each."""

LOOK = 0.005

Begin = Callable[[], Coroutine[Any, Any, None]]


class LateDeliveryLaws:
    """The network may deliver a request after its caller has given up. What a read has told by then stays true."""

    @law("F-17", Need.SERVER, Need.SECOND_CLIENT, guarantee=7)
    async def test_a_cancelled_event_that_arrives_late_contradicts_no_read(self, trial: Trial) -> None:
        """Once a read has told whether a cancelled event is there, it stays so, and the next number is accepted."""
        for exchange in range(1, MOST_EXCHANGES + 1):
            key = trial.key()
            await trial.fill(key, 1)
            late = [event(key, 2, "late")]
            if not await _hold(trial, exchange, lambda: trial.client.persist(late[0])):  # noqa: B023
                break
            await _expect_the_read_stays_true(trial, key, 1, late)

    @law("F-18", Need.SERVER, Need.SECOND_CLIENT, guarantee=4)
    async def test_an_event_that_its_engine_gave_up_and_that_arrives_late_contradicts_no_read(
        self, trial: Trial
    ) -> None:
        """The engine's own limit ends the call: what it tells, and what is read then, stays true."""
        key = trial.key()
        await trial.fill(key, 1)
        late = event(key, 2, "late")
        server(trial).proxy.hold_requests()
        outcome = await _ended(trial, trial.client.persist(late))
        await inflict(trial, "other requests are delivered", server(trial).proxy.hold_no_others)
        if isinstance(outcome, EngineUnavailableError) and not isinstance(outcome, OutcomeUnknownError):
            await inflict(trial, "what was held arrives late", server(trial).proxy.deliver_requests)
            numbers = await when_available(trial, lambda: trial.client.numbers(key))
            trial.expect(numbers, [1], f"{outcome}: so nothing is stored, nor will be")
        await _expect_the_read_stays_true(trial, key, 1, [late])

    @law("F-19", Need.SERVER, Need.SECOND_CLIENT, Need.BATCHES, guarantee=5)
    async def test_a_cancelled_batch_that_arrives_late_contradicts_no_read(self, trial: Trial) -> None:
        """A batch that was read as not there doesn't come later, and never comes in part."""
        for exchange in range(1, MOST_EXCHANGES + 1):
            key = trial.key()
            await trial.fill(key, 1)
            late = [event(key, number, "late") for number in range(2, 12)]
            if not await _hold(trial, exchange, lambda: trial.client.persist_all(late)):  # noqa: B023
                break
            await _expect_the_read_stays_true(trial, key, 1, late)

    @law("F-20", Need.SERVER, Need.SECOND_CLIENT, Need.SNAPSHOTS, guarantee=11)
    async def test_a_snapshot_that_arrives_late_hides_no_newer_one(self, trial: Trial) -> None:
        """A snapshot of 3 that the network delivers after that of 7 was taken isn't the latest, nor the only one."""
        for exchange in range(1, MOST_EXCHANGES + 1):
            key = trial.key()
            await trial.fill(key, 8)
            late, newer = (PersistedSnapshot(key=key, sequence_number=number, data=[number]) for number in (3, 7))
            if not await _hold(trial, exchange, lambda: trial.client.take_snapshot(late)):  # noqa: B023
                break
            await when_available(trial, lambda: trial.client.take_snapshot(newer))  # noqa: B023
            await inflict(trial, "what was held arrives late", server(trial).proxy.deliver_requests)
            for client in (trial.client, await trial.another_client()):
                found = await when_available(trial, lambda: client.latest_snapshot(key))  # noqa: B023
                trial.expect(found and found.data, newer.data, "the latest snapshot is still that of 7")


async def _hold(trial: Trial, exchange: int, begin: Begin) -> bool:
    """Returns True if a request of the call is held: the call is cancelled, and other requests are delivered."""
    proxy = server(trial).proxy
    proxy.hold_requests(exchange)
    writing = asyncio.ensure_future(begin())
    while not proxy.is_holding and not writing.done():  # noqa: ASYNC110 (the proxy lives in another thread)
        await asyncio.sleep(LOOK)
    proxy.hold_no_others()
    if not proxy.is_holding:
        proxy.drop_requests()
        await writing
        return False
    trial.history.note(f"(request {exchange} of a call is held, and the call is cancelled)")
    writing.cancel()
    await asyncio.wait([writing], timeout=trial.settings.timeout)
    trial.expect(writing.done(), True, "a call that is cancelled ends")
    return True


async def _ended(trial: Trial, call: Coroutine[Any, Any, None]) -> Exception | None:
    """The error that the call raised by itself, if any. A call still under way near the kit's limit is cancelled."""
    writing = asyncio.ensure_future(call)
    await asyncio.wait([writing], timeout=0.9 * trial.settings.timeout)
    writing.cancel()
    (outcome,) = await asyncio.gather(writing, return_exceptions=True)
    if isinstance(outcome, Exception) and not isinstance(outcome, NactError):
        raise outcome
    return outcome if isinstance(outcome, Exception) else None


async def _expect_the_read_stays_true(trial: Trial, key: str, stored: int, late: list[PersistedEvent]) -> None:
    """Reads, lets what is held arrive, and returns if the journal says the same as before and can be continued."""
    told = await unless_unavailable(trial.client.numbers(key))
    await inflict(trial, "what was held arrives late", server(trial).proxy.deliver_requests)
    fresh = await trial.another_client()
    allowed = [stored, stored + len(late)] if told is None else [len(told)]
    for client in (trial.client, fresh):
        numbers = await when_available(trial, lambda: client.numbers(key))  # noqa: B023
        promise = "what a read told before the request arrived stays true, and a batch is whole or not there"
        trial.expect_one_of(numbers, [list(range(1, highest + 1)) for highest in allowed], promise)
        allowed = [len(numbers)]
    await _expect_that_it_goes_on(trial, key, allowed[0], fresh)


async def _expect_that_it_goes_on(trial: Trial, key: str, highest: int, fresh: Client) -> None:
    mine = event(key, highest + 1, "next")
    try:
        await when_available(trial, lambda: trial.client.persist(mine))
    except NactError as error:
        happened = f"{type(error).__name__}: {error}"
        raise BrokenLawError("the number that follows what was read is accepted", happened) from error
    for client in (trial.client, fresh):
        found = await when_available(trial, lambda: client.events(key))  # noqa: B023
        trial.expect(len(found), highest + 1, "the event that followed is the last one")
        trial.expect(found[-1].event_id, mine.event_id, "the event that followed is stored")
