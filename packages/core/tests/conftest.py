"""Fixtures of all tests of core: the event loop, and a clock that tests advance."""

import asyncio
import math
import selectors
from collections.abc import Callable
from typing import Any

import pytest

from nact import LogRecord


class ClockworkSelector(selectors.DefaultSelector):
    """Doesn't wait for the loop's next deadline: it moves the clock to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("deadlock: no task can run, and no deadline is to come")
        if not ready and timeout:
            self.now += timeout
            if self.now > 1e6:  # where the clock's resolution is lost in rounding, a deadline must be past
                self.now = math.nextafter(self.now, math.inf)
        return ready


class ClockworkLoop(asyncio.SelectorEventLoop):
    """A loop on which hours pass at once when there is nothing else to do, and nothing happens out of turn."""

    def __init__(self) -> None:
        self._clock = ClockworkSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clockwork: time passes at once, when no task can run; a deadlock is an error")


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str | tuple[str, dict[str, Callable[[], Any]]]:
    """nact runs on asyncio. Tests marked `clockwork` have a clock of their own; they can't use threads or sockets."""
    if request.node.get_closest_marker("clockwork"):
        return "asyncio", {"loop_factory": ClockworkLoop}
    return "asyncio"


@pytest.fixture
def records() -> list[LogRecord]:
    """Where a test gathers what its actors log: `start(configure_logging(records.append))`."""
    return []
