"""`spawn_persistent`: every wrong argument is refused at the call, and leaves nothing behind."""

import math
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    NameInUseError,
    PersistentContext,
    Retention,
    configure_persistence,
    dispatch,
    spawn,
    spawn_persistent,
    start,
    stop,
)

from .doubles import JournalOnly, RiggedEngine, ask, collect

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"parent": "system"}, TypeError, "parent must be an actor system or an ActorRef, not 'system'"),
        ({"f": None}, TypeError, "f must be a function, not None"),
        ({"key": ""}, ValueError, "a persistence key must not be empty"),
        ({"key": None}, TypeError, "a persistence key must be"),
        ({"key": b"k"}, TypeError, "a persistence key must be"),
        ({"key": "\ud800"}, ValueError, "a persistence key must be"),
        ({"name": "a/b"}, ValueError, "name must be made of"),
        ({"name": 5}, TypeError, "name must be a str, not 5"),
        ({"snapshot_every": 0}, ValueError, "snapshot_every must be a number of events, an int from 1, not 0"),
        ({"snapshot_every": 1.5}, ValueError, "snapshot_every must be"),
        ({"snapshot_every": True}, ValueError, "snapshot_every must be"),
        ({"retention": Retention(1)}, ValueError, "retention needs snapshot_every"),
        ({"retention": 5, "snapshot_every": 1}, TypeError, "retention must be a Retention, not 5"),
        ({"retention": (1, True), "snapshot_every": 1}, TypeError, "retention must be a Retention"),
        ({"retention": Retention(0), "snapshot_every": 1}, ValueError, "retention must keep a number of snapshots"),
        ({"retention": Retention(True), "snapshot_every": 1}, ValueError, "retention must keep a number of snapshots"),
        ({"codec": 1}, TypeError, "codec must have the methods encode and decode, as a TypedCodec has, not 1"),
        ({"codec": str.encode}, TypeError, "codec must have the methods encode and decode"),
        ({"codec": "x"}, TypeError, "codec must have the methods encode and decode"),
        ({"snapshot_codec": {}}, TypeError, "snapshot_codec must have the methods encode and decode"),
        ({"apply": 1}, TypeError, "apply must be a function, not 1"),
        ({"remember_commands": 0}, ValueError, "remember_commands must be a number of commands, an int from 1, not 0"),
        ({"on_crush": 1}, TypeError, "unexpected keyword argument 'on_crush'; did you mean 'on_crash'?"),
        ({"on_crash": "resume"}, TypeError, "on_crash must be a function, not 'resume'"),
        ({"after_stop": 1}, TypeError, "after_stop must be a function"),
        ({"initial_state_func": 1}, TypeError, "initial_state_func must be a function"),
        ({"initial_state_func": list, "initial_state": []}, ValueError, "give initial_state or initial_state_func"),
        ({"shutdown_after": "soon"}, TypeError, "shutdown_after must be a duration"),
        ({"shutdown_after": 0}, ValueError, "shutdown_after must be longer than zero"),
        ({"shutdown_after": math.nan}, ValueError, "shutdown_after must be longer than zero"),
    ],
    ids=lambda value: ascii(value)[:60],
)
async def test_a_wrong_argument_is_refused_at_once_and_named_and_leaves_the_key_free(
    options: dict[str, Any], error: type[Exception], says: str
) -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        arguments: dict[str, Any] = {"parent": system, "f": collect, "key": "k"} | options
        with pytest.raises(error, match=says):
            spawn_persistent(**arguments)
        assert system.children == {}
        assert await ask(spawn_persistent(system, collect, key="k", initial_state=[]), "a") == ["a"]


async def test_a_name_that_a_sibling_has_leaves_the_key_free() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        spawn_persistent(system, collect, key="k", name="name", initial_state=[])
        with pytest.raises(NameInUseError):
            spawn_persistent(system, collect, key="other", name="name", initial_state=[])
        assert await ask(spawn_persistent(system, collect, key="other", initial_state=[])) == []


async def test_a_system_without_an_engine_is_told_so_at_the_call() -> None:
    async with start(name="sys") as system:
        with pytest.raises(
            ValueError,
            match=r"the actor system 'sys' has no persistence engine: start\(configure_persistence\(engine\)\)",
        ):
            spawn_persistent(system, collect, key="k", initial_state=[])


async def test_a_stopped_parent_has_no_persistent_children() -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        parent: ActorRef[Any] = spawn(system, lambda state, msg, ctx: None)
        stop(parent)
        with pytest.raises(ActorStoppedError):
            spawn_persistent(parent, collect, key="k", initial_state=[])


async def test_an_engine_without_snapshots_or_deletion_is_refused_where_they_are_needed() -> None:
    async with start(configure_persistence(JournalOnly())) as system:
        with pytest.raises(ValueError, match="snapshot_every needs an engine that keeps snapshots"):
            spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=1)

    class WithoutDeletion(JournalOnly):
        async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> None:
            return None

        async def take_snapshot(self, snapshot: Any) -> None: ...

        async def delete_snapshots(self, key: str, *, up_to: int) -> None: ...

    async with start(configure_persistence(WithoutDeletion())) as system:
        retention = Retention(1, delete_events=True)
        with pytest.raises(ValueError, match="retention with delete_events needs an engine that can delete events"):
            spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=1, retention=retention)


async def test_a_persistent_actor_can_be_the_child_of_any_actor() -> None:
    async def parent(state: None, msg: Any, ctx: Context[Any]) -> None:
        child = ctx.children.get(msg) or spawn_persistent(
            ctx.self, collect, key=f"user:{msg}", name=msg, initial_state=[]
        )
        dispatch(child, "visited", ctx.sender)

    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn(system, parent)
        assert await ask(ref, "ada") == ["visited"]
        assert await ask(ref, "bob") == ["visited"]
        assert await ask(ref, "ada") == ["visited", "visited"]


async def test_a_persistent_actor_can_have_children_and_tells_them_apart_by_name() -> None:
    async def handler(state: list[str], msg: str, ctx: PersistentContext[str, str]) -> list[str]:
        if not ctx.recovering:
            await ctx.persist(msg)
        spawn(ctx.self, lambda state, msg, ctx: None, msg)
        dispatch(ctx.sender, sorted(ctx.children))
        return [*state, msg]

    engine = RiggedEngine()
    for names in (["a"], ["a", "b"]):
        async with start(configure_persistence(engine, close=False)) as system:
            assert await ask(spawn_persistent(system, handler, key="k", initial_state=[]), names[-1]) == names
