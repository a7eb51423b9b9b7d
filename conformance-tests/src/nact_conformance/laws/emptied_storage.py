"""M: a storage is emptied under open engines. The module `corruption` has the rest of M."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from nact.errors import CorruptJournalError, EngineUnavailableError, NactError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._faults.fault_helpers import unless_unavailable
from nact_conformance._trying.history import BrokenLawError, NotTriedError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.back_door import EmptyingBackDoor
from nact_conformance.law import law

REFUSALS = (SequenceConflictError, CorruptJournalError, EngineUnavailableError)

Emptying = Callable[[], Awaitable[None]]


class EmptiedStorageLaws:
    """TRUNCATE, FLUSHDB, a dropped table: what an engine remembers of a storage isn't what the storage holds."""

    @law("M-10", Need.EMPTYING, Need.SECOND_CLIENT, guarantee=2)
    async def test_no_event_is_stored_after_a_gap_left_by_emptying(self, trial: Trial) -> None:
        """The event before it is gone: a writer that goes on gets an error, and leaves no journal that begins later."""
        await _expect_nothing_after_a_gap(trial, "emptied", _door(trial).empty)

    @law("M-11", Need.EMPTYING, Need.SECOND_CLIENT, guarantee=2)
    async def test_no_event_is_stored_after_a_gap_left_by_dropping(self, trial: Trial) -> None:
        """A database that makes a missing table by itself makes it without what keeps numbers dense."""
        await _expect_nothing_after_a_gap(trial, "dropped", _door(trial).drop)

    @law("M-12", Need.EMPTYING, Need.SECOND_CLIENT, guarantee=3)
    async def test_a_number_has_one_winner_after_the_storage_was_emptied(self, trial: Trial) -> None:
        """Two open clients begin a key anew: one of them at most is told that its event is stored."""
        await _expect_one_winner(trial, "emptied", _door(trial).empty)

    @law("M-13", Need.EMPTYING, Need.SECOND_CLIENT, guarantee=3)
    async def test_a_number_has_one_winner_after_the_storage_was_dropped(self, trial: Trial) -> None:
        """A table without its unique key lets both in; each of the clients then has a history of its own."""
        await _expect_one_winner(trial, "dropped", _door(trial).drop)


def _door(trial: Trial) -> EmptyingBackDoor:
    door = trial.suite.back_door()
    if not isinstance(door, EmptyingBackDoor):
        raise NotTriedError(Need.EMPTYING)
    return door


async def _expect_nothing_after_a_gap(trial: Trial, what: str, empty: Emptying) -> None:
    for count in (1, 5):
        key, client = trial.key(), await trial.another_client()  # after a drop, one may have to be opened anew
        for number in range(1, count + 1):
            await client.persist(event(key, number))
        await _do(trial, f"the storage is {what}", empty)
        for _ in range(2):  # an engine that forgets at the first error what it knew may be wrong at the second
            await _refused(client.persist(event(key, count + 1)), f"event {count + 1}, whose predecessor is gone")
            if trial.offers(Need.BATCHES):
                batch = [event(key, count + 1), event(key, count + 2)]
                await _refused(client.persist_all(batch), f"a batch from {count + 1} on, which follows nothing")
        promise = f"after the storage was {what}, nothing is stored after a gap"
        trial.expect(await _found(trial, key), [], promise)


async def _expect_one_winner(trial: Trial, what: str, empty: Emptying) -> None:
    try:
        await _try_for_two_winners(trial, what, empty)
    finally:
        await empty()  # two winners would fail what other laws do to the same storage


async def _try_for_two_winners(trial: Trial, what: str, empty: Emptying) -> None:
    clients = [trial.client, await trial.another_client()]
    for client in clients:
        await client.persist(event(trial.key(), 1))
    await _do(trial, f"the storage is {what}", empty)
    for turn in range(2 * trial.settings.rounds):
        key = trial.key()
        events = [event(key, 1, client.name) for client in clients]
        calls = [client.persist(each) for client, each in zip(clients, events, strict=True)]
        outcomes = await _together(trial, calls) if turn % 2 else [await _outcome(call) for call in calls]
        winners = [each.event_id for each, outcome in zip(events, outcomes, strict=True) if outcome is None]
        trial.expect_at_most(len(winners), 1, "of two clients that persist event 1 of a key, one at most is told yes")
        found = [each.event_id for each in await _found(trial, key)]
        trial.expect_at_most(len(found), 1, "a number has one event at most")
        trial.expect(found if winners else [], winners, "the event of the one that was told yes is stored")


async def _found(trial: Trial, key: str) -> list[PersistedEvent]:
    """The events that a newly opened client finds; none, if the storage has no place for journals any more."""
    fresh = await trial.another_client()
    return await unless_unavailable(fresh.events(key)) or []


async def _together(trial: Trial, calls: list[Coroutine[Any, Any, None]]) -> list[object]:
    return await trial.outcomes(_outcome(call) for call in calls)


async def _outcome(call: Awaitable[None]) -> NactError | None:
    """The refusal, or `None` if the call succeeded."""
    try:
        await call
    except REFUSALS as error:
        return error
    return None


async def _refused(call: Awaitable[None], what: str) -> None:
    if await _outcome(call) is None:
        raise BrokenLawError("what follows nothing is refused", f"{what} was accepted")


async def _do(trial: Trial, words: str, act: Emptying) -> None:
    await act()
    trial.history.note(words)
