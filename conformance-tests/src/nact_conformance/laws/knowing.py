"""F: what an error says of the outcome is proven. The module `faults` says what else is in F."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from nact.errors import EngineUnavailableError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance.client import Client
from nact_conformance.history import NotTriedError
from nact_conformance.law import law
from nact_conformance.mishaps import make, server, unavailability, when_available
from nact_conformance.needs import Need
from nact_conformance.proxy import ALL
from nact_conformance.storage import RefusingStorage
from nact_conformance.trial import Trial, event

MOST_EXCHANGES = 6
NEIGHBOURS = 8


class KnownOutcomeLaws:
    """`outcome_known` says that nothing was stored. An engine that asks, and isn't answered, doesn't know it."""

    @law("F-21", Need.SERVER, guarantee=4)
    async def test_an_outcome_is_not_known_when_the_question_for_it_is_lost_too(self, trial: Trial) -> None:
        """The answer to the write is lost, and so are those to the next questions: unknown, unless it isn't there."""
        proxy, key = server(trial).proxy, trial.key()
        stored = await trial.fill(key, 1)
        for lost in (2, 3, ALL):
            for exchange in range(1, MOST_EXCHANGES if lost != ALL else 2):
                each = event(key, len(stored) + 1)
                proxy.lose_reply(exchange, count=lost)
                error = await unavailability(trial.client.persist(each))
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
        writing = asyncio.ensure_future(unavailability(trial.client.persist(second)))
        while not proxy.lost and not writing.done():  # noqa: ASYNC110 (the proxy lives in another thread)
            await asyncio.sleep(0)
        await make(trial, "a reply was lost, and the network is cut", server(trial).cut_off)
        error = await writing
        proxy.disarm()
        await make(trial, "the network is mended", server(trial).reconnect)
        await _expect_that_known_is_true(trial, trial.client, second, error)

    @law("F-23", Need.REFUSING, guarantee=4)
    async def test_an_outcome_is_not_known_when_the_question_for_it_is_refused(self, trial: Trial) -> None:
        """The server answers the question with an error (a right that was taken away): that tells nothing."""
        storage, key = _refusing(trial), trial.key()
        await trial.fill(key, 1)
        for exchange in range(1, MOST_EXCHANGES):
            highest = len(await when_available(trial, lambda: trial.client.numbers(key)))
            each = event(key, highest + 1)
            await make(trial, "the server refuses reads", storage.refuse_reads)
            storage.proxy.lose_reply(exchange)
            error = await unavailability(trial.client.persist(each))
            count = storage.proxy.lost
            storage.proxy.disarm()
            await make(trial, f"the server allows reads; {count} replies were lost", storage.allow_reads)
            await _expect_that_known_is_true(trial, trial.client, each, error)
            if not count:
                break

    @law("F-24", Need.REFUSING, Need.SECOND_CLIENT, guarantee=6)
    async def test_a_conflict_among_others_is_no_proof_that_these_are_not_stored(self, trial: Trial) -> None:
        """Events of many keys travel together, one conflicts, and no question is answered: the others are unknown."""
        storage, other = _refusing(trial), await trial.another_client()
        taken, keys = trial.key(), [trial.key() for _ in range(NEIGHBOURS)]
        for number in range(1, trial.settings.rounds + 1):
            await _all_at_once(trial, trial.client, [event(key, 2 * number - 1) for key in (taken, *keys)])
            await other.persist(event(taken, 2 * number, "another's"))
            events = [event(key, 2 * number) for key in (taken, *keys)]
            await make(trial, "the server refuses reads", storage.refuse_reads)
            outcomes = await trial.outcomes(trial.client.persist(each) for each in events)
            await make(trial, "the server allows reads", storage.allow_reads)
            for each, outcome in zip(events[1:], outcomes[1:], strict=True):
                trial.expect(isinstance(outcome, SequenceConflictError), False, "a neighbour's conflict is its own")
                known = outcome if isinstance(outcome, EngineUnavailableError) else None
                await _expect_that_known_is_true(trial, other, each, known)
            await _all_at_once(trial, trial.client, events[1:])
            trial.expect(len(await other.numbers(taken)), 2 * number, "the other's event is the last of its key")


async def _expect_that_known_is_true(
    trial: Trial, reader: Client, each: PersistedEvent, error: EngineUnavailableError | None
) -> None:
    """Returns unless the error says that nothing was stored, and the event is."""
    if error is not None and error.outcome_known:
        found = await when_available(trial, lambda: reader.events(each.key, after=each.sequence_number - 1))
        trial.expect([other.event_id for other in found], [], f"{error}: so nothing was stored")


async def _all_at_once(trial: Trial, client: Client, events: Sequence[PersistedEvent]) -> None:
    def persisted(each: PersistedEvent) -> Awaitable[None]:
        return when_available(trial, lambda: client.persist(each))

    await trial.at_once(persisted(each) for each in events)


def _refusing(trial: Trial) -> RefusingStorage:
    storage = trial.suite.storage()
    if not isinstance(storage, RefusingStorage):
        raise NotTriedError(Need.REFUSING)
    return storage
