"""Keeps track of the writes that a message began, which have to be done when the handler returns."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any, Final, TypeVar, cast

from nact.errors import EngineClosedError, EngineUnavailableError, InvalidEventError, OutcomeUnknownError

T = TypeVar("T")

MOST_TRACKED: Final = 100
"""From this number of writes of one message on, those that are done are forgotten."""


def tracked(write: Coroutine[Any, Any, T], writes: list[CoroutineType[Any, Any, Any]]) -> Coroutine[Any, Any, T]:
    """Adds the write to `writes`, and returns it."""
    if len(writes) >= MOST_TRACKED:
        writes[:] = [each for each in writes if each.cr_frame is not None]
    writes.append(cast("CoroutineType[Any, Any, Any]", write))
    return write


def all_done(writes: Iterable[CoroutineType[Any, Any, Any]]) -> bool:
    """Tells whether the writes have ended. Closes those that were never awaited, since they never would."""
    is_done = True
    for write in writes:
        if write.cr_frame is not None:
            is_done = False
            if getcoroutinestate(write) == CORO_CREATED:
                write.close()
    return is_done


def is_harmless(error: BaseException) -> bool:
    """Tells whether memory and journal still agree after a write that raised this: nothing was stored by any writer."""
    if isinstance(error, EngineUnavailableError):
        return not isinstance(error, OutcomeUnknownError)
    return isinstance(error, InvalidEventError | EngineClosedError)
