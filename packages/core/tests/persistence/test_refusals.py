"""`ctx.persist`: the values and the uses that it refuses."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from nact import (
    Decision,
    EngineClosedError,
    EngineUnavailableError,
    FunctionCodec,
    InvalidEventError,
    PersistentContext,
    PersistUsageError,
    configure_persistence,
    dispatch,
    spawn_persistent,
    start,
    stop,
)

from .doubles import GET, Judge, RiggedEngine, ask, collect, contents, same, stored, write

pytestmark = pytest.mark.anyio


# --- a known refusal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidEventError("not this one"),
        EngineUnavailableError("no connection"),
        EngineClosedError("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_after_a_known_refusal_the_actor_keeps_its_state_and_goes_on(refusal: Exception) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        try:
            return await collect(state, msg, ctx)
        except type(refusal) as error:
            dispatch(ctx.sender, error)
            return state

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        engine.fail_write(refusal)
        assert await ask(ref, "b") is refusal
        assert await ask(ref, "c") == ["a", "c"]
        assert await contents(engine, "k") == [(1, "a"), (2, "c")]
    assert judge.faults.empty()


async def test_data_that_isnt_json_is_refused_with_its_path_and_the_actor_keeps_its_state() -> None:
    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        dispatch(ref, {"contacts": [{}, {"birthday": 1j}]})
        _, error = await judge.fault()
        assert isinstance(error, InvalidEventError)
        assert "contacts[1].birthday: complex" in str(error)
        assert "TypedCodec" in str(error)
        assert await ask(ref, "b") == ["a", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("tags", ["text", [""], [1], None, ["\ud800"]], ids=repr)
async def test_invalid_tags_are_refused_and_nothing_is_stored(tags: Any) -> None:
    async def handler(state: str, msg: str, ctx: PersistentContext[str, str]) -> str:
        if msg == GET:
            dispatch(ctx.sender, state)
            return state
        await ctx.persist(msg, tags)
        return msg

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state="first", on_crash=judge)
        dispatch(ref, "second")
        assert isinstance((await judge.fault())[1], InvalidEventError)
        assert await ask(ref) == "first"
        assert await stored(engine, "k") == []


async def test_an_encoder_that_raises_stores_nothing_and_the_actor_keeps_its_state() -> None:
    def encode(msg: Any) -> Any:
        return [msg["a"]]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, collect, key="k", initial_state=[], codec=FunctionCodec(encode, same), on_crash=judge
        )
        dispatch(ref, {})
        assert isinstance((await judge.fault())[1], KeyError)
        assert await ask(ref, {"a": 1}) == [{"a": 1}]
        assert await contents(engine, "k") == [(1, [1])]


# --- persist in the wrong place --------------------------------------------------------------------------------------


async def unawaited(ctx: PersistentContext[Any, Any], msg: Any) -> None:
    ctx.persist(msg)  # type: ignore[unused-coroutine]


async def task_before_it_begins(ctx: PersistentContext[Any, Any], msg: Any) -> None:
    asyncio.ensure_future(ctx.persist(msg)).add_done_callback(lambda done: done.exception())


async def task_in_progress(ctx: PersistentContext[Any, Any], msg: Any) -> None:
    asyncio.ensure_future(ctx.persist(msg)).add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)


@pytest.mark.parametrize("careless", [unawaited, task_before_it_begins])
async def test_a_persist_that_wasnt_awaited_faults_the_actor_and_stores_nothing(
    careless: Callable[[PersistentContext[Any, Any], Any], Awaitable[None]],
) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg != "careless":
            return await collect(state, msg, ctx)
        await careless(ctx, msg)
        return [*state, msg]

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        await ask(ref, "a")
        dispatch(ref, "careless")
        msg, error = await judge.fault()
        assert msg == "careless"
        assert isinstance(error, PersistUsageError)
        assert "await it" in str(error)
        assert await ask(ref, "b") == ["a", "b"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b")]


async def test_a_persist_still_in_progress_when_the_handler_returns_faults_the_actor_and_recovery_waits_for_it() -> (
    None
):
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg != "careless" or ctx.recovering:
            return await collect(state, msg, ctx)
        await task_in_progress(ctx, msg)
        return state

    engine, judge = RiggedEngine(), Judge(Decision.RESUME)
    engine.before_write.shut()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[], on_crash=judge)
        dispatch(ref, "careless")
        assert isinstance((await judge.fault())[1], PersistUsageError)
        engine.before_write.open()
        assert await ask(ref, "b") == ["careless", "b"]
        assert await contents(engine, "k") == [(1, "careless"), (2, "b")]


async def test_a_sync_handler_that_persists_faults_the_actor() -> None:
    def handler(state: Any, msg: Any, ctx: PersistentContext[Any, Any]) -> Any:
        ctx.persist(msg)  # type: ignore[unused-coroutine]
        return msg

    engine, judge = RiggedEngine(), Judge(Decision.STOP)
    async with start(configure_persistence(engine)) as system:
        spawn_persistent(system, handler, key="k", on_crash=judge)
        dispatch(system.children["anonymous-1"], "a")
        assert isinstance((await judge.fault())[1], PersistUsageError)
        assert await stored(engine, "k") == []


async def test_a_persist_that_wasnt_awaited_by_a_handler_that_raises_stores_nothing_even_when_it_is_stopping() -> None:
    async def handler(state: Any, msg: Any, ctx: PersistentContext[Any, Any]) -> Any:
        ctx.persist(msg)  # type: ignore[unused-coroutine]
        stop(ctx.self)
        raise ValueError

    engine = RiggedEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        dispatch(spawn_persistent(system, handler, key="k"), "a")
    assert await stored(engine, "k") == []


@pytest.mark.parametrize("method", ["persist", "persist_all"])
async def test_persist_while_recovering_raises(method: str) -> None:
    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg != GET and ctx.recovering:
            with pytest.raises(PersistUsageError, match=r"is recovering.*ctx.recovering"):
                getattr(ctx, method)([msg])
            return [*state, msg]
        return await collect(state, msg, ctx)

    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k", initial_state=[])
        assert await ask(ref, "c") == ["a", "b", "c"]
        assert await contents(engine, "k") == [(1, "a"), (2, "b"), (3, "c")]


async def test_persist_in_initial_state_func_raises_when_the_actor_starts_and_when_it_is_reset() -> None:
    async def initial_state(ctx: PersistentContext[Any, Any]) -> list[Any]:
        assert ctx.recovering
        with pytest.raises(PersistUsageError, match="is recovering"):
            await ctx.persist("from the initial state")
        refused.append(ctx.path)
        return []

    async def handler(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
        if msg == "fail":
            raise ValueError
        return await collect(state, msg, ctx)

    refused: list[str] = []
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system, handler, key="k", initial_state_func=initial_state, on_crash=Judge(Decision.RESET)
        )
        await ask(ref, "a")
        dispatch(ref, "fail")
        assert await ask(ref, "b") == ["a", "b"]
        assert len(refused) == 2


@pytest.mark.parametrize("method", ["persist", "persist_all"])
async def test_persist_after_the_message_was_handled_raises(method: str) -> None:
    async def handler(state: None, msg: str, ctx: PersistentContext[str, str]) -> None:
        dispatch(ctx.sender, ctx)

    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, handler, key="k")
        kept = await ask(ref)
        await asyncio.sleep(0)
        with pytest.raises(PersistUsageError, match="has handled the message"):
            getattr(kept, method)(["too late"])
        assert await stored(engine, "k") == []


# --- functions that would do nothing ---------------------------------------------------------------------------------


def sync_generator(*args: Any) -> Any:
    yield


async def async_generator(*args: Any) -> Any:
    yield


class Yields:
    async def __call__(self, *args: Any) -> Any:
        yield


@pytest.mark.parametrize(
    "hollow",
    [sync_generator, async_generator, Yields(), partial(sync_generator, 1)],
    ids=["sync", "async", "object", "partial"],
)
@pytest.mark.parametrize("argument", ["f", "initial_state_func", "on_crash", "after_stop", "apply"])
async def test_a_generator_function_is_refused_and_named(argument: str, hollow: Any) -> None:
    arguments = {"f": collect, argument: hollow}
    async with start(configure_persistence(RiggedEngine())) as system:
        with pytest.raises(TypeError, match=rf"^{argument} must not be a generator function"):
            spawn_persistent(system, key="k", **arguments)


class HalfAsync:
    async def encode(self, value: Any) -> Any:
        return value

    def decode(self, data: Any) -> Any:
        return data


class HalfGenerator:
    def encode(self, value: Any) -> Any:
        return value

    def decode(self, data: Any) -> Any:
        yield data


@pytest.mark.parametrize("argument", ["codec", "snapshot_codec"])
async def test_a_codec_whose_methods_are_no_plain_functions_is_refused_and_named(argument: str) -> None:
    half_async: dict[str, Any] = {argument: HalfAsync()}
    half_generator: dict[str, Any] = {argument: HalfGenerator()}
    async with start(configure_persistence(RiggedEngine())) as system:
        with pytest.raises(TypeError, match=rf"^{argument}\.encode must be a plain function, not the async"):
            spawn_persistent(system, collect, key="k", **half_async)
        with pytest.raises(TypeError, match=rf"^{argument}\.decode must not be a generator function"):
            spawn_persistent(system, collect, key="k", **half_generator)


def test_a_codec_of_functions_checks_them() -> None:
    with pytest.raises(TypeError, match="encode must be a function, not 1"):
        FunctionCodec(1, str)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decode must be a plain function, not the async"):
        FunctionCodec(str, HalfAsync().encode)


async def test_an_async_apply_is_refused() -> None:
    async def apply(state: Any, event: Any) -> Any:
        return state

    async with start(configure_persistence(RiggedEngine())) as system:
        with pytest.raises(TypeError, match=r"^apply must be a plain function, not the async"):
            spawn_persistent(system, collect, key="k", initial_state=[], apply=apply)  # type: ignore[arg-type]
