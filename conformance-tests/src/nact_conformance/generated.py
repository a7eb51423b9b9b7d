"""Laws that hold for all values: Hypothesis makes these, and finds the smallest one that breaks the law."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from nact_conformance.trial import Trial

T = TypeVar("T")

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


async def for_all(trial: Trial, values: st.SearchStrategy[T], check: Callable[[T], Awaitable[None]], count: int) -> None:
    """Awaits `check(value)` for `count` values. Each has a history of its own, so that of the smallest is told.

    Hypothesis is no coroutine: it works in a thread, and sends each value to this event loop.
    """
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=count, database=None, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    @given(values)
    def each(value: T) -> None:
        async def in_loop() -> None:
            trial.history.clear()
            await check(value)

        asyncio.run_coroutine_threadsafe(in_loop(), loop).result()

    await asyncio.to_thread(each)
