"""`PersistentContext`: what a persistent actor's handler, initial state and end are given."""

from typing import Any

import pytest

from nact import NOBODY, PersistentContext, configure_persistence, dispatch, spawn_persistent, start

from .doubles import RiggedEngine, ask, contents, write

pytestmark = pytest.mark.anyio


async def test_recovering_is_true_for_what_is_replayed_and_false_for_what_is_new() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        state = [*state, (msg, ctx.recovering)]
        dispatch(ctx.sender, state)
        return state

    engine = RiggedEngine()
    await write(engine, "k", "old")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[])
        assert await ask(ref, "new") == [("old", True), ("new", False)]


async def test_it_has_all_that_any_actors_context_has() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any]) -> None:
        dispatch(ctx.sender, (ctx.self, ctx.name, ctx.path, ctx.parent, dict(ctx.children)))

    async with start(configure_persistence(RiggedEngine()), name="sys") as system:
        ref = spawn_persistent(system, handler, "k", "name")
        assert await ask(ref) == (ref, "name", "sys://name", system, {})


async def test_each_context_keeps_the_sender_of_its_message() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any]) -> list[Any]:
        contexts = [*state, ctx]
        dispatch(ctx.sender, [context.sender for context in contexts])
        return contexts

    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, handler, "k", initial_state=[])
        other = spawn_persistent(system, handler, "l", initial_state=[])
        dispatch(ref, 1)
        dispatch(ref, 2, other)
        senders = await ask(ref, 3)
        assert senders[:2] == [NOBODY, other]
        assert len(set(senders)) == 3


async def test_after_stop_can_persist_what_the_next_life_begins_with() -> None:
    async def handler(state: str, msg: str, ctx: PersistentContext[str]) -> str:
        dispatch(ctx.sender, "here")
        return msg if ctx.recovering else state

    async def goodbye(state: str, ctx: PersistentContext[str]) -> None:
        assert not ctx.recovering
        await ctx.persist(f"{state}, goodbye")

    engine = RiggedEngine()
    for _ in range(2):
        async with start(configure_persistence(engine, close=False)) as system:
            ref = spawn_persistent(system, handler, "k", initial_state="hello", after_stop=goodbye)
            assert await ask(ref) == "here"
    assert await contents(engine, "k") == [(1, "hello, goodbye"), (2, "hello, goodbye, goodbye")]
