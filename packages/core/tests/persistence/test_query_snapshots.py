"""`persistent_query`: the snapshots that it begins with, and the arguments that it refuses."""

import asyncio
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    FunctionCodec,
    configure_persistence,
    persistent_query,
    spawn,
    start,
    stop,
)
from nact.persistence import PersistedSnapshot
from nact.persistence.actor import persistence_of

from .doubles import JournalOnly, RiggedEngine, write
from .folds import Counting, append

pytestmark = pytest.mark.anyio


# --- snapshots -------------------------------------------------------------------------------------------------------


async def test_a_query_takes_snapshots_under_a_key_of_its_own_and_begins_with_them() -> None:
    engine, fold = RiggedEngine(), Counting()
    await write(engine, "k", *"abcde")
    options: dict[str, Any] = {"initial_state": [], "snapshot_key": "k view", "snapshot_every": 3}
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, append, key="k", **options)() == list("abcde")
        snapshot = await engine.latest_snapshot("k view")
        assert snapshot is not None
        assert (snapshot.sequence_number, snapshot.data) == (5, list("abcde"))
        assert await engine.latest_snapshot("k") is None
        await write(engine, "k", "f", after=5)
        assert await persistent_query(system, fold, key="k", **options)() == list("abcdef")
        assert await engine.latest_snapshot("k view") == snapshot, "the next is due at 8"
    assert fold.events == ["f"]


async def test_a_query_whose_snapshot_isnt_due_takes_none() -> None:
    engine = RiggedEngine()
    await write(engine, "k", *"ab")
    async with start(configure_persistence(engine)) as system:
        await persistent_query(system, append, key="k", initial_state=[], snapshot_key="s", snapshot_every=3)()
        assert await engine.latest_snapshot("s") is None


async def test_a_querys_snapshots_are_encoded_and_decoded_and_what_is_done_to_its_state_later_doesnt_get_in() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a")
    engine.before_snapshot.shut()
    options: dict[str, Any] = {
        "initial_state": [],
        "snapshot_key": "s",
        "snapshot_every": 1,
        "snapshot_codec": FunctionCodec(lambda state: {"is": state}, lambda data: data["is"]),
    }
    states: list[list[Any]] = []

    def fold(state: list[Any], event: Any) -> list[Any]:
        states.append([*state, event])
        return states[-1]

    async with start(configure_persistence(engine)) as system:
        call = asyncio.ensure_future(persistent_query(system, fold, key="k", **options)())
        await engine.before_snapshot.arrival()
        states[0].append("later")
        engine.before_snapshot.open()
        await call
        snapshot = await engine.latest_snapshot("s")
        assert snapshot is not None
        assert snapshot.data == {"is": ["a"]}
        assert await persistent_query(system, append, key="k", **options)() == ["a"]


async def test_a_querys_snapshot_that_fails_is_counted_and_the_next_is_tried_when_it_is_due() -> None:
    engine = RiggedEngine()
    engine.snapshot_faults.append(OSError("disk full"))
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[], snapshot_key="s", snapshot_every=2)
        assert await current() == ["a", "b"]
        assert persistence_of(system).failed_snapshots == 1
        await write(engine, "k", "c", after=2)
        await current()
        assert await engine.latest_snapshot("s") is None
        await write(engine, "k", "d", after=3)
        await current()
        snapshot = await engine.latest_snapshot("s")
        assert snapshot is not None
        assert snapshot.sequence_number == 4


async def test_a_querys_unreadable_snapshot_is_counted_and_not_used() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await engine.take_snapshot(PersistedSnapshot(key="s", sequence_number=2, data=["AB"]))
    engine.unreadable_snapshots = {2}
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, append, key="k", initial_state=[], snapshot_key="s")() == ["a", "b"]
        assert persistence_of(system).failed_snapshots == 1


async def test_a_querys_snapshot_ahead_of_the_journal_is_gone_around() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await engine.take_snapshot(PersistedSnapshot(key="s", sequence_number=7, data=["of a journal that was lost"]))
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[], snapshot_key="s")
        assert await current() == ["a", "b"]
        await write(engine, "k", "c", after=2)
        assert await current() == ["a", "b", "c"]


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"f": 5}, TypeError, "f must be a function, not 5"),
        ({"key": ""}, ValueError, "a persistence key must not be empty"),
        ({"snapshot_key": 7}, TypeError, "a persistence key must be"),
        ({"snapshot_key": "k"}, ValueError, "snapshot_key must be a key of its own"),
        ({"snapshot_every": 3}, ValueError, "snapshot_every needs a snapshot_key"),
        ({"snapshot_every": 0, "snapshot_key": "s"}, ValueError, "snapshot_every must be"),
        ({"cache_duration": "long"}, TypeError, "cache_duration must be a duration"),
        ({"cache_duration": 0}, ValueError, "cache_duration must be longer than zero"),
        ({"codec": 1}, TypeError, "codec must have the methods encode and decode, as a TypedCodec has, not 1"),
        ({"snapshot_codec": FunctionCodec}, TypeError, "snapshot_codec must have the methods encode and decode"),
        (
            {"snapshot_evry": 1},
            TypeError,
            "unexpected keyword argument 'snapshot_evry'; did you mean 'snapshot_every'?",
        ),
        ({"retention": 1}, TypeError, "unexpected keyword argument 'retention'; there are: codec, skip_deleted"),
        ({"parent": "system"}, TypeError, "parent must be an actor system"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_argument_is_refused_at_once_and_named(
    options: dict[str, Any], error: type[Exception], says: str
) -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        arguments: dict[str, Any] = {"parent": system, "f": append, "key": "k"} | options
        with pytest.raises(error, match=says):
            persistent_query(**arguments)


async def test_snapshots_are_refused_where_the_engine_keeps_none() -> None:
    async with start(configure_persistence(JournalOnly())) as system:
        with pytest.raises(ValueError, match="snapshot_every needs an engine that keeps snapshots"):
            persistent_query(system, append, key="k", initial_state=[], snapshot_key="s", snapshot_every=1)


async def test_a_system_without_an_engine_has_no_queries() -> None:
    async with start(name="sys") as system:
        with pytest.raises(ValueError, match="the actor system 'sys' has no persistence engine"):
            persistent_query(system, append, key="k", initial_state=[])


async def test_a_query_is_made_for_any_living_actor_and_for_no_stopped_one() -> None:
    def handler(state: None, msg: Any, ctx: Any) -> None:
        pass

    engine = RiggedEngine()
    await write(engine, "k", "a")
    async with start(configure_persistence(engine)) as system:
        ref = spawn(system, handler)
        assert await persistent_query(ref, append, key="k", initial_state=[])() == ["a"]
        stop(ref)
        with pytest.raises(ActorStoppedError):
            persistent_query(ref, append, key="k", initial_state=[])
