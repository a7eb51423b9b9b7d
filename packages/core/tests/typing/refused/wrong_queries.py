"""Questions that the actor doesn't take, without a timeout, or whose answer is taken for another type."""

from dataclasses import dataclass

from nact import ActorRef, query, stopped


@dataclass
class Count:
    reply_to: ActorRef[int]


@dataclass
class Other:
    reply_to: ActorRef[int]


async def main(ref: ActorRef[Count]) -> str:
    text: str = await query(ref, make=Count, timeout=1)  # E[arg-type]: Argument "make" to "query"
    await query(ref, make=Other, timeout=1)  # E[arg-type]: Argument "make" to "query"
    await query(ref, "text", 1)  # E[misc]: type parameter "Msg" of "query"
    await query(ref, make=Count)  # E[call-overload]
    await query(ref, make=Count, timeout="1 s")  # E[call-overload]
    query(ref, make=Count, timeout=1) + 1  # E[operator]
    await stopped("ref")  # E[arg-type]: Argument 1 to "stopped"
    return text
