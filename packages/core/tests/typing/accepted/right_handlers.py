"""State and message are inferred from the handler, sync or async, and from the initial state."""

from typing import Any, assert_type

from nact import ActorRef, ActorSystem, Context, dispatch, minutes, spawn, spawn_stateless


async def collect(state: list[str], msg: str, ctx: Context[str]) -> list[str]:
    return [*state, msg]


def collect_at_once(state: list[str], msg: str, ctx: Context[str]) -> list[str]:
    return [*state, msg]


async def maybe(state: int | None, msg: str, ctx: Context[str]) -> int | None:
    return len(msg)


def stateless_in_effect(state: None, msg: bytes, ctx: Context[bytes]) -> None:
    ctx.log.info(msg)


class Collector:
    async def __call__(self, state: list[str], msg: str, ctx: Context[str]) -> list[str]:
        return [*state, msg]

    def method(self, state: dict[str, int], msg: str, ctx: Context[str]) -> dict[str, int]:
        return {**state, msg: 1}


def make(ctx: Context[str]) -> list[str]:
    return [ctx.name]


async def load(ctx: Context[str]) -> list[str]:
    return [ctx.name]


async def goodbye(state: list[str], ctx: Context[str]) -> None:
    dispatch(ctx.parent, state)


def any_reference(ref: ActorRef[Any]) -> None: ...


def initial_states(system: ActorSystem) -> None:
    assert_type(spawn(system, collect, initial_state=[]), ActorRef[str])
    assert_type(spawn(system, collect_at_once, initial_state=[]), ActorRef[str])
    assert_type(
        spawn(system, collect, "name", initial_state=["first"], after_stop=goodbye, mailbox_limit=9), ActorRef[str]
    )
    assert_type(spawn(system, maybe, initial_state=None, shutdown_after=5 * minutes), ActorRef[str])
    assert_type(spawn(system, maybe), ActorRef[str])
    assert_type(spawn(system, stateless_in_effect), ActorRef[bytes])
    assert_type(spawn(system, Collector(), initial_state=[]), ActorRef[str])
    assert_type(spawn(system, Collector().method, initial_state={}), ActorRef[str])


def initial_states_that_are_made(system: ActorSystem) -> None:
    assert_type(spawn(system, collect, initial_state_func=make), ActorRef[str])
    assert_type(spawn(system, collect, initial_state_func=load), ActorRef[str])
    assert_type(spawn(system, collect_at_once, initial_state_func=make), ActorRef[str])
    assert_type(spawn(system, collect_at_once, initial_state_func=load), ActorRef[str])
    assert_type(spawn(system, collect, initial_state_func=lambda ctx: []), ActorRef[str])
    any_reference(spawn(system, collect, initial_state=[]))


def lambdas(system: ActorSystem) -> None:
    counter: ActorRef[int] = spawn(system, lambda state, msg, ctx: state + msg, initial_state=0)
    parent: ActorRef[int] = spawn(counter, lambda state, msg, ctx: None)
    dispatch(parent, 5)

    def echo(msg: int, ctx: Context[int]) -> None:
        dispatch(ctx.sender, msg)

    assert_type(spawn_stateless(system, echo), ActorRef[int])
    assert_type(spawn_stateless(system, echo, mailbox_limit=1000), ActorRef[int])
