"""An actor with a parent, siblings and children, for tests of supervision."""

import asyncio
from collections.abc import Callable
from typing import Any

from nact import (
    ActorRef,
    ActorStoppedError,
    Context,
    CrashContext,
    Decision,
    dispatch,
    query,
    spawn,
)
from nact.supervision import SupervisionPolicy

KEPT, ANEW, GONE = "goes on with its state", "goes on with its state made anew", "has stopped"


class BoomError(Exception):
    """The fault of these tests."""


def mark(state: str, msg: str, ctx: Context[str]) -> str:
    """Its state says whether it was made anew."""
    match msg:
        case "mark":
            return KEPT
        case "fail":
            raise BoomError
        case _:
            dispatch(ctx.sender, state)
            return state


def family_member(
    parent: ActorRef[Any],
    name: str,
    on_crash: SupervisionPolicy | None = None,
    handler: Callable[[str, str, Context[str]], Any] = mark,
) -> ActorRef[Any]:
    ref = spawn(parent, handler, name, initial_state=ANEW, on_crash=on_crash)
    dispatch(ref, "mark")
    return ref


async def fate(ref: ActorRef[Any]) -> Any:
    try:
        return await query(ref, "what became of you?", 60)
    except ActorStoppedError:
        return GONE


def deciding(decision: Decision, kind: str = "sync") -> SupervisionPolicy:
    def decide(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
        return decision

    async def decide_later(
        msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
    ) -> Decision:
        await asyncio.sleep(1)
        return decision

    return decide if kind == "sync" else decide_later


def escalate(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
    return Decision.ESCALATE
