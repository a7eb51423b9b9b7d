"""F: what an error says of the outcome is proven. The module `lost_messages` says what else is in F."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from nact.errors import EngineUnavailableError, OutcomeUnknownError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._faults.fault_helpers import inflict, server, unavailable_error, when_available
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import NotTriedError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law
from nact_conformance.proxy import ALL
from nact_conformance.storage import RefusingStorage

MOST_EXCHANGES = 6
"""The number of exchanges of a call at which it is tried, at most."""

NEIGHBOURS = 3
LOOK = 0.005

MOST_OF_NEIGHBOURS = 12
"""The number of exchanges, with the neighbours' included, of an engine that sends one by one."""


class KnownOutcomeLaws:
    """Unless the error is an `OutcomeUnknownError`, nothing was stored. A question without an answer proves nothing."""

    @law("F-21", Need.SERVER, guarantee=4)
    async def test_an_outcome_is_not_known_when_the_question_for_it_is_lost_too(self, trial: Trial) -> None:
        """The answer to the write is lost, and so are those to the next questions: unknown, unless it isn't there."""
        proxy, key = server(trial).proxy, trial.key()
        stored = await trial.fill(key, 1)
        for lost in (2, 3, ALL):
            for exchange in range(1, MOST_EXCHANGES if lost != ALL else 2):
                each = event(key, len(stored) + 1)
                proxy.lose_reply(exchange, count=lost)
                error = await unavailable_error(trial.client.persist(each))
                count = proxy.lost
                proxy.disarm()
                trial.history.note(f"(of that call, {count} replies from number {exchange} on were lost)")
                await _expect_that_known_is_true(trial, trial.client, each, error)
                await when_available(trial, lambda: trial.client.persist(each))  # noqa: B023
                stored.append(each)
                if not count:
                    break

    @law("F-22", Need.SERVER, guarantee=4)
    async def test_an_outcome_is_not_known_when_no_question_reaches_the_server(self, trial: Trial) -> None:
        """The answer to the write is lost, and then the server can't be reached: the event may be stored."""
        proxy, key = server(trial).proxy, trial.key()
        await trial.fill(key, 1)
        second = event(key, 2)
        proxy.lose_reply()
        proxy.hold_requests(2)
        writing = asyncio.ensure_future(unavailable_error(trial.client.persist(second)))
        while not proxy.is_holding and not writing.done():  # noqa: ASYNC110 (the proxy lives in another thread)
            await asyncio.sleep(LOOK)
        await inflict(trial, "a reply was lost, and the network is cut", server(trial).cut_off)
        error = await writing
        proxy.disarm()
        await inflict(trial, "the network is mended", server(trial).reconnect)
        await _expect_that_known_is_true(trial, trial.client, second, error)

    @law("F-23", Need.REFUSING, guarantee=4)
    async def test_an_outcome_is_not_known_when_the_question_for_it_is_refused(self, trial: Trial) -> None:
        """The server answers the question with an error (a right that was taken away): that tells nothing."""
        proxy, key = server(trial).proxy, trial.key()
        await trial.fill(key, 1)
        for exchange in range(1, MOST_EXCHANGES):
            highest = len(await when_available(trial, lambda: trial.client.numbers(key)))
            each = event(key, highest + 1)
            async with _refused_reads(trial):
                proxy.lose_reply(exchange)
                error = await unavailable_error(trial.client.persist(each))
            count = proxy.lost
            proxy.disarm()
            await _expect_that_known_is_true(trial, trial.client, each, error)
            if not count:
                break

    @law("F-24", Need.SERVER, Need.SECOND_CLIENT, guarantee=6)
    async def test_a_conflict_among_others_is_no_proof_that_these_are_not_stored(self, trial: Trial) -> None:
        """Events of many keys travel together, one conflicts, the question is lost: the others may be stored."""
        other = await trial.another_client()
        for exchange in range(1, MOST_OF_NEIGHBOURS):
            neighbours = await _conflicting_neighbours(trial, other)
            server(trial).proxy.lose_reply(exchange, count=2)
            outcomes = await _persisted_together(trial, neighbours)
            count = server(trial).proxy.lost
            await _expect_neighbours_to_know(trial, other, neighbours, outcomes)
            if not count:
                break

    @law("F-27", Need.REFUSING, Need.SECOND_CLIENT, guarantee=6)
    async def test_a_conflict_among_others_and_a_refusal_are_no_proof(self, trial: Trial) -> None:
        """Events of many keys travel together, one conflicts, the question is refused: the others may be stored."""
        other = await trial.another_client()
        for exchange in range(MOST_EXCHANGES):
            neighbours = await _conflicting_neighbours(trial, other)
            async with _refused_reads(trial):
                if exchange:
                    server(trial).proxy.lose_reply(exchange)
                outcomes = await _persisted_together(trial, neighbours)
            await _expect_neighbours_to_know(trial, other, neighbours, outcomes)

    @law("F-28", Need.SERVER, Need.SECOND_CLIENT, Need.DELETION, guarantee=4)
    async def test_an_event_that_was_stored_and_then_deleted_is_no_conflict(self, trial: Trial) -> None:
        """The answer is lost, and before the engine asks, another client goes on and deletes: it can't be told."""
        other = await trial.another_client()
        for exchange in range(1, MOST_EXCHANGES):
            key = trial.key()
            await trial.fill(key, 1)
            second = event(key, 2)
            writing = await _interrupted(trial, exchange, lambda: trial.client.persist(second))  # noqa: B023
            if writing is None:
                break
            if await other.numbers(key) == [1, 2]:
                await other.persist(event(key, 3))
                await other.delete_events(key, up_to=3)
                await _expect_no_denial(trial, writing)
            else:
                await inflict(trial, "what was held is delivered", server(trial).proxy.deliver_requests)
                await asyncio.gather(writing, return_exceptions=True)


async def _conflicting_neighbours(trial: Trial, other: Client) -> list[PersistedEvent]:
    """Events to persist at once, of keys that the engine knows; another client has taken the number of the first."""
    keys = [trial.key() for _ in range(1 + NEIGHBOURS)]
    await trial.at_once(trial.client.persist(event(key, 1)) for key in keys)
    await other.persist(event(keys[0], 2, "another's"))
    return [event(key, 2) for key in keys]


async def _persisted_together(trial: Trial, events: Sequence[PersistedEvent]) -> list[object]:
    return await trial.outcomes(trial.client.persist(each) for each in events)


async def _expect_neighbours_to_know(
    trial: Trial, other: Client, events: Sequence[PersistedEvent], outcomes: Sequence[object]
) -> None:
    """Returns if the conflict is that of the first alone, and what is told of the others is true."""
    server(trial).proxy.disarm()
    for each, outcome in zip(events[1:], outcomes[1:], strict=True):
        trial.expect(isinstance(outcome, SequenceConflictError), False, "a neighbour's conflict is its own")
        error = outcome if isinstance(outcome, EngineUnavailableError) else None
        await _expect_that_known_is_true(trial, other, each, error)
    for each in events[1:]:
        await when_available(trial, lambda: trial.client.persist(each))  # noqa: B023
        trial.expect(await other.numbers(each.key), [1, 2], "the same event again is stored, once")
    trial.expect((await other.events(events[0].key))[-1].data, "another's", "the other client's event is stored")


async def _expect_that_known_is_true(
    trial: Trial, reader: Client, each: PersistedEvent, error: EngineUnavailableError | None
) -> None:
    """Returns unless the error says that nothing was stored, and the event is."""
    if error is not None and not isinstance(error, OutcomeUnknownError):
        found = await when_available(trial, lambda: reader.events(each.key, after=each.sequence_number - 1))
        trial.expect([other.event_id for other in found], [], f"{error}: so nothing was stored")


async def _interrupted(
    trial: Trial, exchange: int, begin: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Future[None] | None:
    """A call of which one answer is lost, and whose next request is held; `None` if it has no such exchange."""
    proxy = server(trial).proxy
    proxy.lose_reply(exchange)
    proxy.hold_requests(exchange + 1)
    writing = asyncio.ensure_future(begin())
    while not proxy.is_holding and not writing.done():  # noqa: ASYNC110 (the proxy lives in another thread)
        await asyncio.sleep(LOOK)
    proxy.hold_no_others()
    if proxy.is_holding and proxy.lost:
        trial.history.note(f"(reply {exchange} of a call is lost, and its next request is held)")
        return writing
    proxy.disarm()
    await asyncio.gather(writing, return_exceptions=True)
    return None


async def _expect_no_denial(trial: Trial, writing: asyncio.Future[None]) -> None:
    """Lets the call go on. Returns unless it says that its event, which was stored, was not."""
    await inflict(trial, "what was held is delivered", server(trial).proxy.deliver_requests)
    (outcome,) = await asyncio.gather(writing, return_exceptions=True)
    promise = "the event was stored before it was deleted: an error mustn't say that it wasn't"
    is_unsure = isinstance(outcome, OutcomeUnknownError)
    denies = isinstance(outcome, SequenceConflictError | EngineUnavailableError) and not is_unsure
    trial.expect(outcome if denies else None, None, promise)


@asynccontextmanager
async def _refused_reads(trial: Trial) -> AsyncIterator[None]:
    """Meanwhile the server answers reads with errors."""
    storage = trial.suite.storage()
    if not isinstance(storage, RefusingStorage):
        raise NotTriedError(Need.REFUSING)
    await inflict(trial, "the server refuses reads", storage.refuse_reads)
    try:
        yield
    finally:
        await inflict(trial, "the server allows reads", storage.allow_reads)
