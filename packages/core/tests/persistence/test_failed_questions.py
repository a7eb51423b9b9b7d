"""An asker of a persistent actor that fails gets the error of its journal."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    EngineUnavailableError,
    FunctionCodec,
    HandlerFailedError,
    SequenceConflictError,
    configure_persistence,
    spawn_persistent,
    start,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent

from .doubles import Judge, ask, collect, same, write

pytestmark = pytest.mark.anyio


class Refusing(MemoryPersistenceEngine):
    """An engine that can't be reached."""

    async def persist(self, event: PersistedEvent) -> None:
        raise EngineUnavailableError("no network")


async def test_a_conflict_is_the_cause() -> None:
    engine = MemoryPersistenceEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=Judge(Decision.RESUME))
        await ask(ref)
        await write(engine, "k", "of another writer")
        with pytest.raises(ActorStoppedError) as caught:
            await ask(ref, "a")
        assert isinstance(caught.value.__cause__, SequenceConflictError)
        with pytest.raises(ActorStoppedError) as later:
            await ask(ref)
        assert isinstance(later.value.__cause__, SequenceConflictError)
        assert later.value.__cause__.key == "k"


async def test_a_failed_persist_is_the_cause() -> None:
    async with start(configure_persistence(Refusing())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=Judge(Decision.STOP))
        with pytest.raises(ActorStoppedError) as caught:
            await ask(ref, "a")
        assert isinstance(caught.value.__cause__, EngineUnavailableError)


async def test_a_failed_persist_reaches_the_asker_if_the_actor_goes_on() -> None:
    async with start(configure_persistence(Refusing())) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=Judge(Decision.RESUME))
        with pytest.raises(HandlerFailedError) as caught:
            await ask(ref, "a")
        assert isinstance(caught.value.__cause__, EngineUnavailableError)
        assert await ask(ref) == []


async def test_a_recovery_that_fails_is_the_cause() -> None:
    def refuse(data: Any) -> Any:
        raise ValueError("no such event")

    engine = MemoryPersistenceEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], codec=FunctionCodec(same, refuse))
        questions = [ask(ref), ask(ref)]
        for error in await asyncio.gather(*questions, return_exceptions=True):
            assert isinstance(error, ActorStoppedError)
            assert isinstance(error.__cause__, CorruptJournalError)
