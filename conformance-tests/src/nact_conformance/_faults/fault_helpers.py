"""Helpers of the fault laws: they reach the server, and make calls that may find it gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nact.errors import EngineUnavailableError
from nact_conformance._trying.history import BrokenLawError, NotTriedError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial
from nact_conformance.storage import ServerStorage

T = TypeVar("T")

PAUSE = 0.1
"""Seconds between two attempts."""


def server(trial: Trial) -> ServerStorage:
    """The server that the author gave."""
    storage = trial.suite.storage()
    if not isinstance(storage, ServerStorage):
        raise NotTriedError(Need.SERVER)
    return storage


def disarm(trial: Trial) -> bool:
    """Returns True if the call ended before the exchange that was to be lost: then all of its exchanges were tried."""
    proxy = server(trial).proxy
    was_armed = proxy.armed
    proxy.disarm()
    if not was_armed:
        trial.history.note("(an exchange of that call was lost)")
    return was_armed


async def inflict(trial: Trial, words: str, act: Callable[[], None]) -> None:
    """Does something to the server, and notes it in the history."""
    await asyncio.to_thread(act)
    trial.history.note(words)


async def unavailable_error(call: Awaitable[object]) -> EngineUnavailableError | None:
    """The error, if the call raised EngineUnavailableError."""
    try:
        await call
    except EngineUnavailableError as error:
        return error
    return None


async def unless_unavailable(call: Awaitable[T]) -> T | None:
    """The call's result; `None` if it raised EngineUnavailableError."""
    try:
        return await call
    except EngineUnavailableError:
        return None


async def when_available(trial: Trial, begin: Callable[[], Awaitable[T]]) -> T:
    """Repeats the call until it no longer raises EngineUnavailableError."""
    seconds = trial.settings.timeout
    for _ in range(round(seconds / PAUSE)):
        try:
            return await begin()
        except EngineUnavailableError:
            await asyncio.sleep(PAUSE)
    raise BrokenLawError(
        "when the fault is over, the engine works again", f"it was still unavailable {seconds:g} s later"
    )
