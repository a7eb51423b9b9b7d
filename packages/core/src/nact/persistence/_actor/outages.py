"""The default policy of persistent actors: an outage of the storage is waited out, any other fault stops the actor.

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
    """What one actor has been through since its storage last did what it was asked for.

    Attributes:
        attempts: How often the actor has begun to recover.
        delay: Seconds that its next recovery waits before it begins.
    """

    __slots__ = ("_last", "_sequence_number", "attempts", "delay")

    def __init__(self) -> None:
        self.attempts = 0
        self.delay = 0.0
        self._sequence_number = 0
        self._last = 0.0

    def goes_on(self, sequence_number: int, now: float) -> float:
        """Counts one more fault, and returns the delay until the next attempt.

        What was persisted since the last fault, or a long time without one, makes it the first.
        """
        if sequence_number != self._sequence_number or now - self._last > FORGIVE_AFTER:
            self.attempts = 0
        self.attempts += 1
        longest = min(FIRST_DELAY * 2 ** min(self.attempts - 1, 30), LONGEST_DELAY)
        self.delay = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self._sequence_number, self._last = sequence_number, now + self.delay
        return self.delay


class _Journal(Protocol):
    """What the policy knows of the actor's journal."""

    outage: Outage | None

    @property
    def astray(self) -> BaseException | None: ...

    @property
    def recovered(self) -> bool: ...

    @property
    def sequence_number(self) -> int: ...


def wait_out_outages(
    msg: object, error: Exception, ctx: CrashContext[Any], child: ActorRef[Any] | None = None
) -> Decision:
    """The default policy of persistent actors.

    - `EngineUnavailableError`, or what a handler made of one: the actor recovers, after a delay that grows up to 30 s
      from attempt to attempt. Each is logged as a warning. There is no last one.
    - A `ctx.persist` that the handler gave up, as `asyncio.timeout` does: it is logged as a warning, and the actor goes
      on with what the journal tells.
    - Anything else is logged and stops the actor.
    """
    cell = cast("Cell", ctx._cell)
    journal = cast("_Journal | None", cell.journal)
    cause = None if child is not None or journal is None else passing_cause(error, journal.astray)
    if journal is None or cause is None:
        return stop_on_crash(msg, error, ctx, child)
    if isinstance(cause, asyncio.CancelledError):
        if not journal.recovered:
            return stop_on_crash(msg, error, ctx, child)
        ctx.log.warn("gave up a persist, and learns from its journal whether it was stored")
        return Decision.RESUME
    if journal.outage is None:
        journal.outage = Outage()
    delay = journal.outage.goes_on(journal.sequence_number, asyncio.get_running_loop().time())
    cell.starts_failed = 0  # the outage's delay is the only one
    ctx.log.warn(f"recovers in {delay:.3g} s, attempt {journal.outage.attempts}: its storage can't be reached: {cause}")
    return Decision.RESET


def passing_cause(error: BaseException, astray: BaseException | None) -> BaseException | None:
    """The outage, or the cancelled wait for a persist (where `astray` is one), that the error came of."""
    for each in _causes(error):
        if isinstance(each, EngineUnavailableError):
            return each
        if isinstance(each, asyncio.CancelledError) and isinstance(astray, asyncio.CancelledError):
            return each
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from or during, and what is in a group, each once."""
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
