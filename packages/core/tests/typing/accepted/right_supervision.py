"""Policies are functions, sync or async, or anything that can be called like one."""

from typing import Any, assert_type

from nact import (
    ActorRef,
    ActorSystem,
    Context,
    CrashContext,
    Decision,
    PersistentContext,
    RestartWithBackoff,
    SupervisionPolicy,
    minutes,
    spawn,
    spawn_persistent,
    spawn_stateless,
)


def policy(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> Decision:
    if child is not None:
        return Decision.RESET_CHILD
    assert_type(ctx.mailbox, tuple[Any, ...])
    match error:
        case OSError():
            return Decision.RESUME
        case _:
            return Decision.ESCALATE


async def async_policy(msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None) -> Decision:
    ctx.log.exception(error)
    return Decision.STOP


async def handler(state: int, msg: str, ctx: Context[str]) -> int:
    return state


async def persistent(state: int, msg: str, ctx: PersistentContext[str, str]) -> int:
    return state


async def stateless(msg: str, ctx: Context[str]) -> None: ...


def main(system: ActorSystem) -> None:
    policies: list[SupervisionPolicy] = [
        policy,
        async_policy,
        RestartWithBackoff(limit=3, forgive_after=5 * minutes, otherwise=policy),
        lambda msg, error, ctx, child: Decision.STOP,
    ]
    for each in policies:
        spawn(system, handler, initial_state=0, on_crash=each)
        spawn_persistent(system, persistent, key="k", initial_state=0, on_crash=each)
        spawn_stateless(system, stateless, on_crash=each)
    spawn(system, handler, initial_state=0, on_crash=policy)
    spawn(system, handler, initial_state=0, on_crash=async_policy)
    spawn(system, handler, initial_state=0, on_crash=RestartWithBackoff())
