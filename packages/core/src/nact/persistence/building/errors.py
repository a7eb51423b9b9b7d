"""Errors of engines: made for an outcome, copied for each caller, and quiet where no caller is left."""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from typing import Any, TypeVar

from nact.errors import EngineUnavailableError, NactError, OutcomeUnknownError

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")


def engine_unavailable(message: str, *, outcome_known: bool) -> EngineUnavailableError:
    """An `EngineUnavailableError`, or an `OutcomeUnknownError` unless it is certain that nothing was stored.

    Args:
        message: A description of the fault, and of a remedy.
        outcome_known: True only if it is certain that nothing was stored, and that nothing will be.
    """
    return EngineUnavailableError(message) if outcome_known else OutcomeUnknownError(message)


def copy_for_caller(error: E) -> E:
    """A copy of an error of nact, with its cause. Any other error, or one that can't be copied, is returned itself.

    An error that is raised to several callers gathers the tracebacks of all. Give each of them a copy.
    """
    if isinstance(error, NactError):
        with suppress(Exception):  # an application's class may not be copyable
            twin = copy.copy(error)
            twin.__cause__ = error.__cause__
            return twin
    return error


def mark_retrieved(task: asyncio.Future[Any]) -> None:
    """Marks the task's exception as retrieved, so that asyncio doesn't log it. Use it as a done callback.

    It is for tasks whose last caller may have been cancelled.
    """
    if not task.cancelled():
        task.exception()


async def result_of(task: asyncio.Future[T]) -> T:
    """The result of a task that several callers may wait for, and that goes on when this one is cancelled.

    Use it in place of `asyncio.shield` where `mark_retrieved` is the task's callback. Since Python 3.14, `shield`
    reports to the event loop's exception handler what a task raises after a caller was cancelled, retrieved or not.

    Raises:
        BaseException: What the task raised.
        asyncio.CancelledError: This caller or the task was cancelled.
    """
    await asyncio.wait([task])
    return task.result()
