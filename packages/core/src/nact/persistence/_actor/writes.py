"""The writes that a message began: it isn't done before they are. And what their errors tell."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any, Final, TypeVar, cast

from nact.errors import EngineClosedError, EngineUnavailableError, InvalidEventError, OutcomeUnknownError

T = TypeVar("T")

REMEMBERED: Final = 100
"""Of a message that begins more, those that are done are forgotten now and then."""


def remembered(write: Coroutine[Any, Any, T], writes: list[CoroutineType[Any, Any, Any]]) -> Coroutine[Any, Any, T]:
    """Returns the write, having put it to the others."""
    if len(writes) >= REMEMBERED:
        writes[:] = [each for each in writes if each.cr_frame is not None]
    writes.append(cast("CoroutineType[Any, Any, Any]", write))
    return write


def all_done(writes: Iterable[CoroutineType[Any, Any, Any]]) -> bool:
    """Whether the writes have ended. Those that nobody ever awaited never will: they are closed."""
    is_done = True
    for write in writes:
        if write.cr_frame is not None:
            is_done = False
            if getcoroutinestate(write) == CORO_CREATED:
                write.close()
    return is_done


def is_harmless(error: BaseException) -> bool:
    """Whether memory agrees with the journal after a write that ended so: it stored nothing, nor did anybody else."""
    if isinstance(error, EngineUnavailableError):
        return not isinstance(error, OutcomeUnknownError)
    return isinstance(error, InvalidEventError | EngineClosedError)
