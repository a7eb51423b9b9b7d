"""Tries laws on generated values. Hypothesis makes them, and finds the smallest one that breaks the law."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nact_conformance._trying.history import Entry
from nact_conformance._trying.trial import Trial

T = TypeVar("T")

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)

SECONDS_TO_SHRINK = 3.0
"""Seconds for which a smaller value is looked for, once one breaks the law."""


class _EnoughError(BaseException):
    """The time for finding a smaller value is over. Hypothesis lets it through, since it is no `Exception`."""


@dataclass(slots=True)
class _Search:
    """The failure with the shortest history so far."""

    trial: Trial
    smallest: Exception | None = None
    history: list[Entry] = field(default_factory=list)
    until: float | None = None
    is_over: bool = False

    def check_time(self) -> None:
        if self.is_over or (self.until is not None and time.monotonic() > self.until):
            raise _EnoughError

    async def begin(self, check: Awaitable[None]) -> None:
        self.trial.history.clear()
        try:
            await check
        except Exception as error:
            self._note(error)
            raise

    def _note(self, error: Exception) -> None:
        if self.until is None:
            self.until = time.monotonic() + SECONDS_TO_SHRINK
        entries = self.trial.history.entries
        if self.smallest is None or len(entries) <= len(self.history):
            self.smallest, self.history = error, list(entries)


async def for_all(
    trial: Trial, values: st.SearchStrategy[T], check: Callable[[T], Awaitable[None]], count: int
) -> None:
    """Awaits `check(value)` for `count` values. Each has its own history; a failure shows that of the smallest.

    Hypothesis isn't asynchronous. It runs in a thread, and sends each value to this event loop.
    """
    loop, search = asyncio.get_running_loop(), _Search(trial)

    def each(value: T) -> None:
        search.check_time()
        asyncio.run_coroutine_threadsafe(search.begin(check(value)), loop).result()

    limits = settings(
        max_examples=count, database=None, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    try:
        await asyncio.to_thread(limits(given(values)(each)))
    except _EnoughError:
        trial.history.entries[:] = search.history
        if search.smallest is not None:
            raise search.smallest from search.smallest.__cause__
    finally:
        search.is_over = True  # if this was cancelled, the thread goes on until it sees that
