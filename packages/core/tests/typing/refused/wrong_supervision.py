"""Policies that decide nothing, or aren't policies."""

from typing import Any

from nact import ActorRef, ActorSystem, Context, CrashContext, Decision, RestartWithBackoff, spawn


async def handler(state: int, msg: str, ctx: Context[str]) -> int:
    return state


def decides_nothing(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> None: ...


def decides_by_name(msg: Any, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None) -> str:
    return "resume"


def without_a_child(msg: Any, error: Exception, ctx: CrashContext[Any]) -> Decision:
    return Decision.RESUME


def of_one_error(msg: Any, error: OSError, ctx: CrashContext[Any], child: Any = None) -> Decision:
    return Decision.RESUME


def main(system: ActorSystem) -> None:
    spawn(system, handler, initial_state=0, on_crash=decides_nothing)  # E[arg-type]: Argument "on_crash" to "spawn"
    spawn(system, handler, initial_state=0, on_crash=decides_by_name)  # E[arg-type]: Argument "on_crash" to "spawn"
    spawn(system, handler, initial_state=0, on_crash=without_a_child)  # E[arg-type]: Argument "on_crash" to "spawn"
    spawn(system, handler, initial_state=0, on_crash=of_one_error)  # E[arg-type]: Argument "on_crash" to "spawn"
    spawn(system, handler, initial_state=0, on_crash=Decision.RESUME)  # E[call-overload]
    spawn(system, handler, initial_state=0, on_crash=RestartWithBackoff)  # E[arg-type]: Argument "on_crash" to "spawn"
    RestartWithBackoff(limit="3")  # E[arg-type]: expected "int"
