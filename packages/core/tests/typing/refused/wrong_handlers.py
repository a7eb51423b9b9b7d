"""Handlers whose state, messages or arguments don't fit together."""

from nact import ActorSystem, Context, spawn, spawn_stateless


async def count(state: int, msg: str, ctx: Context[str]) -> int:
    return state + len(msg)


def count_at_once(state: int, msg: str, ctx: Context[str]) -> int:
    return state + len(msg)


async def forgets_to_return(state: int, msg: str, ctx: Context[str]) -> None: ...


async def returns_another_state(state: int, msg: str, ctx: Context[str]) -> str:
    return msg


def without_context(state: int, msg: str) -> int:
    return state


def of_another_context(state: int, msg: str, ctx: Context[bytes]) -> int:
    return state


async def stateless(msg: str, ctx: Context[str]) -> None: ...


def text(ctx: Context[str]) -> str:
    return ctx.name


async def main(system: ActorSystem) -> None:
    spawn(system, count, initial_state="0")  # E[misc]: type parameter "State" of "spawn"
    spawn(system, count_at_once, initial_state="0")  # E[arg-type]: expected "AsyncHandler[str, Never]"
    spawn(system, count, initial_state=None)  # E[misc]: type parameter "State" of "spawn"
    spawn(system, count)  # E[arg-type]: Argument 2 to "spawn"
    spawn(system, forgets_to_return, initial_state=0)  # E[misc]: type parameter "State" of "spawn"
    spawn(system, returns_another_state, initial_state=0)  # E[misc]: type parameter "State" of "spawn"
    spawn(system, without_context, initial_state=0)  # E[arg-type]: expected "AsyncHandler[int, Never]"
    spawn(system, of_another_context, initial_state=0)  # E[arg-type]: expected "AsyncHandler[int, Never]"
    spawn(system, stateless, initial_state=None)  # E[arg-type]: expected "AsyncHandler[None, Never]"
    spawn(system, count, initial_state=0, initial_state_func=lambda ctx: 0)  # E[call-overload]
    spawn(system, count, initial_state_func=text)  # E[arg-type]: Argument "initial_state_func" to "spawn"
    spawn(system, count, initial_state=0, after_stop=lambda state, ctx: state.lower())  # E[attr-defined]
    spawn(system, count, initial_state=0, shutdown_after="10 minutes")  # E[call-overload]
    spawn(system, count, initial_state=0, mailbox_limit="1000")  # E[call-overload]
    spawn("system", count, initial_state=0)  # E[call-overload]
    spawn(system, count, 5, initial_state=0)  # E[call-overload]
    spawn_stateless(system, count)  # E[arg-type]: Argument 2 to "spawn_stateless"
    spawn_stateless(system, stateless, initial_state=0)  # E[call-arg]: Unexpected keyword argument "initial_state" for
