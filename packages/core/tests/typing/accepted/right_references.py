"""A reference says which messages its actor takes."""

from dataclasses import dataclass
from typing import Any, assert_type

from nact import NOBODY, ActorRef, ActorSystem, Context, dispatch, spawn, spawn_stateless, start, stop


@dataclass
class Add:
    number: int


@dataclass
class Get:
    reply_to: ActorRef[int]


def counter(state: int, msg: Add | Get, ctx: Context[Add | Get]) -> int:
    assert_type(ctx.self, ActorRef[Add | Get])
    assert_type(ctx.sender, ActorRef[Any])
    match msg:
        case Add(number):
            return state + number
        case Get(reply_to):
            dispatch(reply_to, state)
            return state


def only_adds(ref: ActorRef[Add]) -> None:
    dispatch(ref, Add(1))


async def log(msg: object, ctx: Context[object]) -> None:
    ctx.log.info(msg)


async def main() -> None:
    async with start(name="example") as system:
        assert_type(system, ActorSystem)
        ref = spawn(system, counter, initial_state=0)
        assert_type(ref, ActorRef[Add | Get])
        dispatch(ref, Add(1))
        dispatch(ref, Get(NOBODY), sender=ref)
        # A reference that takes more may stand where one that takes less is wanted.
        only_adds(ref)
        takes_anything = spawn_stateless(system, log)
        assert_type(takes_anything, ActorRef[object])
        only_adds(takes_anything)
        only_adds(NOBODY)
        stop(ref)
