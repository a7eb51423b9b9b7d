"""Tries work again while the server is away.

The loops that use it are in `write_connection` and `runner`; what is tried again of a batch, in `_writing.appends`.
"""

from __future__ import annotations

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable
from nact.persistence.building.retry import Retry
from nact_persistence_postgres._connections.errors import may_pass

_LONGEST_PAUSE = 0.5
_LEAST_TIME = 1.0


class Attempts(Retry):
    """The attempts at one piece of work; their time counts from the first failure.

    Args:
        seconds: For how long the work is tried.
        in_doubt: An attempt was made already, in another way, and its outcome is unknown.

    Attributes:
        was_silent: An attempt wasn't answered in time, so other connections may be dead as well.
    """

    def __init__(self, seconds: float, *, in_doubt: bool = False) -> None:
        super().__init__(seconds, from_failure=not in_doubt, longest_pause=_LONGEST_PAUSE)
        self._has_failed = in_doubt
        self.in_doubt = in_doubt
        self.was_silent = in_doubt

    async def again(self, error: EngineUnavailableError) -> None:
        """Returns when it is time for the next attempt.

        Raises:
            EngineUnavailableError: The time is over, or the same would happen again. An `OutcomeUnknownError` if an
                attempt may have stored something.
        """
        self._has_failed = True
        self.failed(outcome_known=not isinstance(error, OutcomeUnknownError))
        self.was_silent |= isinstance(error.__cause__, TimeoutError)
        if not may_pass(error.__cause__):
            raise engine_unavailable(error.message, outcome_known=not self.in_doubt) from error.__cause__
        try:
            await self.pause(error.message)
        except EngineUnavailableError as over:
            raise over from error.__cause__

    def time_for_one(self, most: float) -> float:
        """Seconds that the next attempt may take. A repeated one has half of what is left, so that another one fits."""
        return min(most, max(_LEAST_TIME, self.time_left() / 2)) if self._has_failed else most
