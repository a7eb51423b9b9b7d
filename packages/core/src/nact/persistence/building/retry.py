"""Retries a call while the storage is unavailable, for a limited time."""

from __future__ import annotations

import asyncio

from nact.persistence.building.errors import engine_unavailable


class Retry:
    """The attempts at one call: the pauses between them, their deadline, and whether their outcome is known.

    The pauses double up to a limit, as in Metcalfe and Boggs, "Ethernet" (1976). They have no jitter: an engine sends
    its writes in batches, so a process retries once for all its writers.

    Args:
        seconds: The time for all attempts.
        from_failure: Whether the time begins with the first failure, instead of now.
        first_pause: Seconds between the first attempts.
        longest_pause: Seconds between the last attempts.

    Attributes:
        in_doubt: True if a failed attempt may have stored something.
    """

    def __init__(
        self, seconds: float, *, from_failure: bool = False, first_pause: float = 0.01, longest_pause: float = 0.25
    ) -> None:
        self._seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._deadline = None if from_failure else self._clock() + seconds
        self._pause = first_pause
        self._longest_pause = longest_pause
        self._is_granted = False
        self.in_doubt = False

    def failed(self, *, outcome_known: bool = True) -> None:
        """Notes that an attempt failed.

        Args:
            outcome_known: True only if it is certain that the attempt stored nothing.
        """
        self.in_doubt |= not outcome_known
        if self._deadline is None:
            self._deadline = self._clock() + self._seconds

    def grant_attempt(self) -> None:
        """Allows one more attempt, also when the time is over: the last one met a connection that was dead, say."""
        self._is_granted = True

    @property
    def is_over(self) -> bool:
        """True if there is no time left for a pause and another attempt."""
        if self._is_granted:
            return False
        return self._deadline is not None and self._clock() + self._pause >= self._deadline

    def time_left(self) -> float:
        """The seconds until the deadline; all of them if the time hasn't begun."""
        return self._seconds if self._deadline is None else max(0.0, self._deadline - self._clock())

    async def pause(self, why: str) -> None:
        """Returns when it is time for the next attempt.

        Args:
            why: The message of the error if the time is over.

        Raises:
            EngineUnavailableError: The time is over; an `OutcomeUnknownError` if an attempt may have stored something.
        """
        if self.is_over:
            raise engine_unavailable(why, outcome_known=not self.in_doubt)
        await self.wait()

    async def wait(self) -> None:
        """Returns after the next pause. For a caller that looks at `is_over` itself: this raises nothing."""
        self._is_granted = False
        await asyncio.sleep(min(self._pause, self.time_left()))
        self._pause = min(2 * self._pause, self._longest_pause)
