"""Shared by the actors of one system: the run queue, the timers, the engine, and the record of failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final, Protocol

from nact._runtime.endings import Endings
from nact._runtime.observing import Observer
from nact._runtime.repr import describe, short_repr
from nact._runtime.resources import Resources
from nact._runtime.scheduler import Scheduler
from nact._runtime.timers import Timers
from nact.monitoring import ActorLog, LogEngine, actors_logger, log_to_logging
from nact.references import ActorRef

FAILURES_KEPT: Final = 100

dead_letters_logger = logging.getLogger("nact.dead_letters")


class HasEngine(Protocol):
    """The part of `Persistence` that the runtime uses."""

    observer: Observer | None

    @property
    def engine(self) -> object: ...


class Runtime:
    """The inside of an actor system.

    Attributes:
        ref: The system.
        new_reply: Makes the sender of a question, from the cell that is asked and the timeout in seconds.
        dead_letters: The number of messages that were dropped.
        failures: The first hundred failures that no actor could handle, as pairs (path, error).
        panic: The first failure that is no `Exception`.
        all_ended: Done when every actor has ended, and the system's resources are closed.
    """

    def __init__(
        self,
        ref: ActorRef[Any],
        loop: asyncio.AbstractEventLoop,
        new_reply: Callable[[Any, float], Any],
        *,
        mailbox_limit: int | None,
        log_messages: bool,
    ) -> None:
        self.ref = ref
        self.scheduler = Scheduler(loop, ref.name)
        self.timers = Timers(loop, self.scheduler.check_loop)
        self.endings = Endings(loop)
        self.resources = Resources()
        self.mailbox_limit = mailbox_limit
        self.log_engine: LogEngine = log_to_logging
        self.persistence: HasEngine | None = None
        self.observer: Observer | None = None
        self.new_reply = new_reply
        self.dead_letters = 0
        self.failures: list[tuple[str, BaseException]] = []
        self.panic: BaseException | None = None
        self.all_ended = loop.create_future()
        self._log_messages = log_messages
        self._anonymous = count(1)
        self._closing: asyncio.Task[None] | None = None

    def new_name(self) -> str:
        """A new name for an actor that was given none."""
        return f"anonymous-{next(self._anonymous)}"

    def be_observed(self, observer: Observer) -> None:
        """Sets the observer, for actors that are spawned from now on."""
        if self.observer is not None:
            raise ValueError(f"{self.ref!r} is already observed by {self.observer!r}")
        self.observer = observer
        self.new_reply = observer.new_reply
        if self.persistence is not None:
            self.persistence.observer = observer

    # --- dead letters and failures -----------------------------------------------------------------------------------

    def dead_letter(self, ref: ActorRef[Any], msg: object) -> None:
        """Counts and logs a message that no actor will handle."""
        self.dead_letters += 1
        try:
            if self.observer is not None:
                self.observer.dead_letter()
            if dead_letters_logger.isEnabledFor(logging.INFO):
                dead_letters_logger.info(
                    "%s has stopped; dropped %s", ref.path, self.shown(msg), extra={"nact_actor": ref.path}
                )
        except Exception:  # a stop may be in progress, which must go on
            with suppress(Exception):  # logging itself may be the cause
                actors_logger.exception("%s: a dead letter couldn't be logged", ref.path)
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.keep_failure(ref, error)

    def message_refused(self) -> None:
        """Counts a message that a full mailbox refused as a dead letter. The cell logs them, several in one line."""
        self.dead_letters += 1
        if self.observer is not None:
            self.observer.dead_letter()

    def shown(self, msg: object) -> str:
        """The message as logs show it: only its type, unless `start` was given `log_messages=True`."""
        return short_repr(msg) if self._log_messages else describe(msg)

    def log_fault(self, ref: ActorRef[Any], what: str, error: BaseException) -> None:
        """Logs an error in the actor's name."""
        ActorLog(self.log_engine, ref).exception(error, what)

    def record_failure(self, ref: ActorRef[Any], what: str, error: BaseException) -> None:
        """Logs an error that no actor handles, and keeps it for the end of the system."""
        self.log_fault(ref, what, error)
        self.keep_failure(ref, error)

    def keep_failure(self, ref: ActorRef[Any], error: BaseException) -> None:
        """Keeps an error for the end of the system."""
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append((ref.path, error))
        if self.panic is None and not isinstance(error, Exception | asyncio.CancelledError):
            self.panic = error

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Closes the system's resources after the last actor has ended."""
        self.timers.close()
        # Outside the workers' tasks: cancelling handlers mustn't cancel it.
        self._closing = self.scheduler.loop.create_task(self._close())
        self._closing.add_done_callback(lambda _: self.all_ended.set_result(None))

    async def _close(self) -> None:
        try:
            await self.resources.close()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self.record_failure(self.ref, "failed to close what it had opened", error)
