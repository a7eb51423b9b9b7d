"""The default policy of persistent actors: it waits until an outage of the storage is over, and stops at other faults.

See ADR 51. The delays grow as in Amazon's "Exponential Backoff and Jitter" (2015), so that the actors of a process
don't all come back at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from nact.errors import EngineUnavailableError
from nact.supervision import CrashContext, Decision, stop_on_crash

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact.references import ActorRef

FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 30.0
FORGIVE_AFTER: Final = 300.0
"""Seconds after which a fault begins a new outage."""


class Outage:
    """One actor's faults since its storage last worked.

    Attributes:
        attempts: The number of times that the actor has begun to recover.
        delay: Seconds that its next recovery waits before it begins.
    """

    __slots__ = ("_last", "_sequence_number", "attempts", "delay")

    def __init__(self) -> None:
        self.attempts = 0
        self.delay = 0.0
        self._sequence_number = 0
        self._last = 0.0

    def next_delay(self, sequence_number: int, now: float) -> float:
        """Counts one more fault, and returns the delay until the next attempt, in seconds.

        The fault counts as the first one if the actor has persisted since the last, or if that was long ago.
        """
        if sequence_number != self._sequence_number or now - self._last > FORGIVE_AFTER:
            self.attempts = 0
        self.attempts += 1
        longest = min(FIRST_DELAY * 2 ** min(self.attempts - 1, 30), LONGEST_DELAY)
        self.delay = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self._sequence_number, self._last = sequence_number, now + self.delay
        return self.delay


class _Journal(Protocol):
    """The part of the actor's journal that the policy uses."""

    outage: Outage | None

    @property
    def out_of_sync(self) -> BaseException | None: ...

    @property
    def recovered(self) -> bool: ...

    @property
    def sequence_number(self) -> int: ...


def wait_out_outages(
    msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
) -> Decision:
    """The default policy of persistent actors.

    - `EngineUnavailableError`, or an error that the handler raised from one: the actor recovers after a delay that
      grows from attempt to attempt, up to 30 s. Each attempt is logged as a warning. Their number has no limit.
    - A `ctx.persist` that was cancelled, by `asyncio.timeout`, say: it is logged as a warning, and the actor goes on
      with the state that the journal gives.
    - Anything else is logged and stops the actor.
    """
    cell = cast("Cell", ctx._cell)
    journal = cast("_Journal | None", cell.journal)
    cause = None if child is not None or journal is None else transient_cause(error, journal.out_of_sync)
    if journal is None or cause is None:
        return stop_on_crash(msg, error, ctx, child)
    if isinstance(cause, asyncio.CancelledError):
        if not journal.recovered:
            return stop_on_crash(msg, error, ctx, child)
        ctx.log.warn("gave up a persist, and learns from its journal whether it was stored")
        return Decision.RESUME
    if journal.outage is None:
        journal.outage = Outage()
    delay = journal.outage.next_delay(journal.sequence_number, asyncio.get_running_loop().time())
    cell.starts_failed = 0  # so that the start doesn't add a delay of its own
    ctx.log.warn(f"recovers in {delay:.3g} s, attempt {journal.outage.attempts}: its storage can't be reached: {cause}")
    return Decision.RESET


def transient_cause(error: BaseException, out_of_sync: BaseException | None) -> BaseException | None:
    """The outage that caused the error, or the cancelled wait for a persist if `out_of_sync` is one; else `None`."""
    for each in _causes(error):
        if isinstance(each, EngineUnavailableError):
            return each
        if isinstance(each, asyncio.CancelledError) and isinstance(out_of_sync, asyncio.CancelledError):
            return each
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the error, its causes and contexts, and the members of groups, each once."""
    seen: set[int] = set()
    to_see: list[BaseException | None] = [error]
    while to_see:
        each = to_see.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        to_see.append(each.__cause__)
        if not each.__suppress_context__:
            to_see.append(each.__context__)
        if isinstance(each, BaseExceptionGroup):
            to_see.extend(each.exceptions)
