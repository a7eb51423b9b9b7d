"""Panics, which aren't an `Exception` (`pytest.fail`, say), stop the actor, and are raised from the system's block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorStoppedError,
    ActorSystem,
    Context,
    FunctionCodec,
    LogRecord,
    configure_logging,
    configure_persistence,
    dispatch,
    query,
    spawn,
    spawn_persistent,
    spawn_stateless,
    start,
    stop,
)
from nact.persistence import MemoryPersistenceEngine

from .handlers import echo, fail, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


class PanicError(BaseException):
    """As PyO3 raises for a panic in Rust."""


KINDS = [PanicError("unwrap on None"), pytest.fail.Exception("asserted"), GeneratorExit("odd")]


def resume(*args: Any) -> Any:
    return args[2].resume


def having_panicked(error: BaseException) -> Callable[..., Any]:
    def panic(*args: Any) -> Any:
        raise error

    return panic


def panicking_later(error: BaseException) -> Callable[..., Awaitable[Any]]:
    async def panic(*args: Any) -> Any:
        await asyncio.sleep(1)
        raise error

    return panic


def panicking_soon(error: BaseException) -> Callable[..., Awaitable[Any]]:
    async def panic(*args: Any) -> Any:
        raise error

    return panic


WAYS = [having_panicked, panicking_soon, panicking_later]


@asynccontextmanager
async def left_by(kind: type[BaseException], *plugins: Any, **options: Any) -> AsyncIterator[ActorSystem]:
    """A system whose block such an error leaves."""
    with pytest.raises(kind):
        async with start(*plugins, **options) as system:
            yield system
    assert kind in [type(kept) for _, kept in system.failures]


Spawn = Callable[[ActorSystem, Callable[..., Any]], ActorRef[Any]]

PLACES: dict[str, Spawn] = {
    "handler": lambda system, panic: spawn(system, panic, "a", on_crash=resume),
    "stateless": lambda system, panic: spawn_stateless(system, panic, "a", on_crash=resume),
    "initial state": lambda system, panic: spawn(system, echo, "a", initial_state_func=panic, on_crash=resume),
    "policy": lambda system, panic: spawn(system, fail, "a", on_crash=panic),
    "persistent": lambda system, panic: spawn_persistent(system, panic, key="key", name="a", on_crash=resume),
}


@pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_panic_stops_its_actor_and_leaves_the_block(
    place: str, way: Callable[[BaseException], Callable[..., Any]], error: BaseException
) -> None:
    async with left_by(
        type(error), configure_persistence(MemoryPersistenceEngine()), name="s", stop_timeout=1
    ) as system:
        ref = PLACES[place](system, way(error))
        other = spawn(system, echo)
        with pytest.raises(ActorStoppedError):
            await query(ref, "boom", 60)
        assert ref.is_stopped
        assert system.failures == (("s://a", error),)
        assert await query(other, "still served", 60) == "still served"


@pytest.mark.parametrize("way", WAYS)
async def test_a_panic_in_after_stop_leaves_the_block(way: Callable[[BaseException], Callable[..., Any]]) -> None:
    error = PanicError("in after_stop")
    async with left_by(PanicError, stop_timeout=5) as system:
        parent = spawn(system, silent)
        stop(spawn(parent, silent, after_stop=way(error)))
    assert [kept for _, kept in system.failures] == [error]


async def test_the_policy_of_an_actor_is_not_asked_about_a_panic() -> None:
    asked: list[Any] = []

    def judge(*args: Any) -> Any:
        asked.append(args)
        return args[2].resume

    async with left_by(PanicError) as system:
        dispatch(spawn(system, having_panicked(PanicError()), on_crash=judge), "boom")
        await asyncio.sleep(1)
    assert asked == []


async def test_a_panic_leaves_the_block_in_place_of_its_consequence() -> None:
    error = PanicError("why")
    async with left_by(PanicError) as system:
        await query(spawn(system, having_panicked(error)), "boom", 60)
    assert isinstance(error.__context__, ActorStoppedError)


async def test_a_panic_does_not_hide_an_error_of_the_block() -> None:
    async def block() -> None:
        async with start() as system:
            dispatch(spawn(system, having_panicked(PanicError())), "boom")
            await asyncio.sleep(1)
            raise LookupError

    with pytest.raises(LookupError):
        await block()


async def test_a_panic_after_the_stop_is_kept_as_well() -> None:
    def stop_and_panic(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        stop(ctx.self)
        raise PanicError

    async with left_by(PanicError) as system:
        dispatch(spawn(system, stop_and_panic), "boom")
        await asyncio.sleep(1)


async def test_a_panic_of_a_log_engine_is_no_fault_and_is_kept() -> None:
    def refuse(record: LogRecord) -> None:
        raise PanicError("no log expected")

    def note(state: Any, msg: Any, ctx: Context[Any]) -> Any:
        ctx.log.info("noted")
        return echo(state, msg, ctx)

    async with left_by(PanicError, configure_logging(refuse)) as system:
        assert await query(spawn(system, note), "hello", 60) == "hello"


def having(**codec: Any) -> Spawn:
    async def keep(state: Any, msg: Any, ctx: Any) -> Any:
        if not ctx.recovering:
            await ctx.persist(msg)
        dispatch(ctx.sender, msg)
        return msg

    return lambda system, panic: spawn_persistent(system, keep, key="key", name="a", on_crash=resume, **codec)


@pytest.mark.parametrize("codec", ["codec", "snapshot_codec"])
async def test_a_panic_of_an_encoder_stops_its_actor(codec: str) -> None:
    options: dict[str, Any] = {codec: FunctionCodec(having_panicked(PanicError()), having_panicked(PanicError()))}
    if codec == "snapshot_codec":
        options["snapshot_every"] = 1
    async with left_by(PanicError, configure_persistence(MemoryPersistenceEngine()), stop_timeout=1) as system:
        ref = having(**options)(system, fail)
        dispatch(ref, 1)
        await asyncio.sleep(1)
        assert ref.is_stopped


async def test_a_panic_of_a_decoder_stops_its_actor() -> None:
    engine = MemoryPersistenceEngine()
    async with start(configure_persistence(engine, close=False)) as system:
        await query(having()(system, fail), 1, 60)
    async with left_by(PanicError, configure_persistence(engine), stop_timeout=1) as system:
        ref = having(codec=FunctionCodec(having_panicked(PanicError()), having_panicked(PanicError())))(system, fail)
        with pytest.raises(ActorStoppedError):
            await query(ref, 2, 60)


async def test_a_panic_of_an_engine_that_closes_leaves_the_block() -> None:
    class Panicking(MemoryPersistenceEngine):
        async def aclose(self) -> None:
            raise PanicError("in aclose")

        async def __aexit__(self, *args: object) -> None:
            await self.aclose()

    with pytest.raises(PanicError):
        async with start(configure_persistence(Panicking())):
            pass


async def test_one_deadline_that_raises_does_not_stop_the_others() -> None:
    class Rigged:
        def expire(self) -> None:
            raise PanicError

    async with start() as system:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        for _ in range(3):
            system._runtime.timers.add(1, Rigged())
        with pytest.raises(TimeoutError):
            await query(spawn(system, silent), "?", 1)
        with pytest.raises(TimeoutError):
            await query(spawn(system, silent), "?", 5)
