"""Handlers that many tests give their actors."""

import asyncio
import sys
from typing import Any

from nact import (
    ActorRef,
    Context,
    dispatch,
    spawn,
)


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


def silent(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return state


def now() -> float:
    return asyncio.get_running_loop().time()


class Busy:
    """An actor whose handler takes an hour, unless it is interrupted."""

    def __init__(self, parent: ActorRef[Any], **options: Any) -> None:
        self.begun = asyncio.Event()
        self.interrupted = False
        self.ref = spawn(parent, self._handle, "busy", initial_state="before", **options)
        dispatch(self.ref, "work")

    async def _handle(self, state: str, msg: str, ctx: Context[str]) -> str:
        self.begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        return "after"


def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    raise ValueError(msg)


def leave(*args: Any) -> Any:
    sys.exit("bye")


def tell(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, state)
    return state


async def cancelled_wait() -> Any:
    """Awaits something that somebody else has cancelled."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future
