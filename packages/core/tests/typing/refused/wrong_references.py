"""A message that the actor doesn't take, and a reference that takes less than is wanted."""

from dataclasses import dataclass

from nact import ActorRef, ActorSystem, Context, dispatch, spawn


@dataclass
class Add:
    number: int


@dataclass
class Get:
    pass


def counter(state: int, msg: Add | Get, ctx: Context[Add | Get]) -> int:
    dispatch(ctx.self, "next")  # E[misc]: type parameter "Msg" of "dispatch"
    return state


def gets_anything(ref: ActorRef[object]) -> None: ...


async def main(system: ActorSystem, adds: ActorRef[Add]) -> None:
    ref = spawn(system, counter, initial_state=0)
    dispatch(ref, "text")  # E[misc]: type parameter "Msg" of "dispatch"
    dispatch(adds, Get())  # E[misc]: type parameter "Msg" of "dispatch"
    dispatch(ref, Add("5"))  # E[arg-type]: expected "int"
    dispatch(ref, Add(1), "sender")  # E[arg-type]: expected "ActorRef[Any] | None"
    dispatch("name", Add(1))  # E[arg-type]: expected "ActorRef[Add]"
    gets_anything(ref)  # E[arg-type]: expected "ActorRef[object]"
    wider: ActorRef[Add | Get | str] = ref  # E[assignment]
    dispatch(wider, Get())
