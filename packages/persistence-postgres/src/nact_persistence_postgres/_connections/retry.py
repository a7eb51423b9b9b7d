"""One piece of work that may need several attempts."""

from __future__ import annotations

import asyncio

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable
from nact_persistence_postgres._connections.errors import may_pass

_LONGEST_PAUSE = 0.5
_LEAST_TIME = 1.0


class Trying:
    """For how long work is tried again, and whether an earlier attempt may have succeeded.

    Args:
        patience: For how many seconds after the first failure.
        in_doubt: An attempt was made already, and its outcome is unknown.

    Attributes:
        in_doubt: Something may be stored of which nothing is known yet.
        was_silent: An attempt wasn't answered in time, so other connections may be dead as well.
    """

    def __init__(self, patience: float, *, in_doubt: bool = False) -> None:
        self._patience = patience
        self._deadline = asyncio.get_running_loop().time() + patience if in_doubt else None
        self._pause = 0.0
        self.in_doubt = in_doubt
        self.was_silent = in_doubt

    async def again(self, error: EngineUnavailableError) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            EngineUnavailableError: There shouldn't be one.
        """
        self.in_doubt |= isinstance(error, OutcomeUnknownError)
        self.was_silent |= isinstance(error.__cause__, TimeoutError)
        now = asyncio.get_running_loop().time()
        self._deadline = now + self._patience if self._deadline is None else self._deadline
        if not may_pass(error.__cause__) or now >= self._deadline:
            raise engine_unavailable(error.message, outcome_known=not self.in_doubt) from error.__cause__
        await asyncio.sleep(min(self._pause, self._deadline - now))
        self._pause = min(2 * self._pause + 0.01, _LONGEST_PAUSE)

    def time_left(self, most: float) -> float:
        """How long the next attempt may take: when it is repeated, half of what is left, so that another one fits."""
        if self._deadline is None:
            return most
        return min(most, max(_LEAST_TIME, (self._deadline - asyncio.get_running_loop().time()) / 2))
