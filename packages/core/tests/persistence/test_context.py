"""`PersistentContext`, as handlers, `initial_state_func` and `after_stop` of persistent actors get it."""

import asyncio
from typing import Any

import pytest

from nact import (
    NOBODY,
    PersistentContext,
    PersistUsageError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
)

from .doubles import RiggedEngine, ask, contents, write

pytestmark = pytest.mark.anyio


async def test_recovering_is_true_for_what_is_replayed_and_false_for_what_is_new() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        state = [*state, (msg, ctx.recovering)]
        dispatch(ctx.sender, state)
        return state

    engine = RiggedEngine()
    await write(engine, "k", "old")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        assert await ask(ref, "new") == [("old", True), ("new", False)]


async def test_it_has_all_that_any_actors_context_has() -> None:
    async def handler(state: None, msg: Any, ctx: PersistentContext[Any, Any]) -> None:
        dispatch(ctx.sender, (ctx.self, ctx.name, ctx.path, ctx.parent, dict(ctx.children)))

    async with start(configure_persistence(RiggedEngine()), name="sys") as system:
        ref = spawn_persistent(system, handler, key="k", name="name")
        assert await ask(ref) == (ref, "name", "sys://name", system, {})


async def test_each_context_keeps_the_sender_of_its_message() -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        contexts = [*state, ctx]
        dispatch(ctx.sender, [context.sender for context in contexts])
        return contexts

    async with start(configure_persistence(RiggedEngine())) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        other = spawn_persistent(system, handler, key="l", initial_state=[])
        dispatch(ref, 1)
        dispatch(ref, 2, other)
        senders = await ask(ref, 3)
        assert senders[:2] == [NOBODY, other]
        assert len(set(senders)) == 3


async def test_after_stop_can_persist_what_the_next_life_begins_with() -> None:
    async def handler(state: str, msg: str, ctx: PersistentContext[str, str]) -> str:
        dispatch(ctx.sender, "here")
        return msg if ctx.recovering else state

    async def goodbye(state: str, ctx: PersistentContext[str, str]) -> None:
        assert not ctx.recovering
        await ctx.persist(f"{state}, goodbye")

    engine = RiggedEngine()
    for _ in range(2):
        async with start(configure_persistence(engine, close=False)) as system:
            ref = spawn_persistent(system, handler, key="k", initial_state="hello", after_stop=goodbye)
            assert await ask(ref) == "here"
    assert await contents(engine, "k") == [(1, "hello, goodbye"), (2, "hello, goodbye, goodbye")]


# --- whose it is -----------------------------------------------------------------------------------------------------


class Busy:
    """A handler whose tasks persist by its `ctx`; it can be held up in the middle of a message."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.contexts: list[PersistentContext[Any, Any]] = []

    async def __call__(self, state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        self.contexts.append(ctx)
        if ctx.recovering:
            return [*state, msg]
        if msg == "begin a task":
            self.tasks.append(asyncio.create_task(self.later(ctx)))
        elif msg == "wait":
            self.entered.set()
            await self.go_on.wait()
        elif msg == "together":
            self.tasks = [asyncio.create_task(ctx.persist(item)) for item in "xyz"]
            state = [*state, *[event.data for event in await asyncio.gather(*self.tasks)]]
        dispatch(ctx.sender, state)
        return state

    async def later(self, ctx: PersistentContext[Any, Any]) -> None:
        await self.entered.wait()
        await ctx.persist("from a task of an earlier message")


@pytest.mark.parametrize("sender", ["nobody", "the same"])
async def test_a_ctx_cant_persist_during_another_message(sender: str) -> None:
    engine, handler = RiggedEngine(), Busy()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        other = spawn_persistent(system, handler, key="l", initial_state=[])
        by = NOBODY if sender == "nobody" else other
        dispatch(ref, "begin a task", by)
        dispatch(ref, "wait", by)
        await handler.entered.wait()
        await asyncio.wait(handler.tasks)
        handler.go_on.set()
        with pytest.raises(PersistUsageError, match="has handled the message that this ctx belongs to"):
            await handler.tasks[0]
        assert await ask(ref) == []
        assert await contents(engine, "k") == []


async def test_tasks_of_a_message_may_persist_while_it_is_handled() -> None:
    engine, handler = RiggedEngine(), Busy()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        assert await ask(ref, "together") == ["x", "y", "z"]
        assert await contents(engine, "k") == [(1, "x"), (2, "y"), (3, "z")]


async def test_a_ctx_of_a_replayed_event_never_persists() -> None:
    engine, handler = RiggedEngine(), Busy()
    await write(engine, "k", "old")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        assert await ask(ref) == ["old"]
        assert handler.contexts[0].recovering, "it stays what it was"
        with pytest.raises(PersistUsageError):
            await handler.contexts[0].persist("new")
        dispatch(ref, "wait")
        await handler.entered.wait()
        handler.go_on.set()
        with pytest.raises(PersistUsageError):
            await handler.contexts[0].persist("new")
    assert not handler.contexts[1].recovering


async def test_a_ctx_of_an_actor_that_ended_never_persists() -> None:
    engine, handler = RiggedEngine(), Busy()
    async with start(configure_persistence(engine, close=False)) as system:
        ended = lambda _, ctx: handler.contexts.append(ctx)  # noqa: E731
        await ask(spawn_persistent(system, handler, key="k", initial_state=[], after_stop=ended))
    assert len(handler.contexts) == 2
    for ctx in handler.contexts:
        with pytest.raises(PersistUsageError):
            await ctx.persist("too late")
    assert await contents(engine, "k") == []
