"""Two tills and their customers: `python -m observability`, and again, to see the tills recover."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from opentelemetry import trace

from nact import (
    ActorRef,
    PersistentContext,
    configure_persistence,
    dispatch,
    engine_from_url,
    query,
    spawn_persistent,
    start,
    stop,
)
from nact.otel import configure_opentelemetry
from observability.console import print_everything

JOURNAL = "sqlite:///tills.db"
TILLS = ("left", "right")


async def till(total: int, amount: int, ctx: PersistentContext[int, int]) -> int:
    """Takes an amount, and answers with all that it has taken."""
    if not ctx.recovering:
        await ctx.persist(amount)  # its span is a child of the query's
    total += amount
    dispatch(ctx.sender, total)
    return total


async def customer(ref: ActorRef[int], amount: int) -> int:
    """Pays, in a span of the program's own."""
    with trace.get_tracer("shop").start_as_current_span("pay"):
        total: int = await query(ref, amount, timeout=5)
        return total


async def main(journal: str, collect: Callable[[], object]) -> None:
    """Lets some customers pay at each till, at the same time. Metrics are collected while they wait."""
    engine = engine_from_url(journal)
    async with start(configure_persistence(engine), configure_opentelemetry(), name="shop") as system:
        tills = [
            spawn_persistent(
                system,
                till,
                key=name,
                name=name,
                initial_state=0,
                snapshot_every=3,
            )
            for name in TILLS
        ]
        payments = asyncio.gather(*[customer(ref, amount) for ref in tills for amount in (5, 10, 20)])
        await asyncio.sleep(0)  # all have asked, and nobody was answered
        collect()
        print("totals", await payments)
        stop(tills[0])
        dispatch(tills[0], 50)  # too late: a dead letter


if __name__ == "__main__":
    spans, figures = print_everything()
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else JOURNAL, figures.force_flush))
    spans.shutdown()
    figures.shutdown()
