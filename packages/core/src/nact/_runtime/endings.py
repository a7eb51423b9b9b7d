"""The ends of actors: who waits for one, and why an actor that was stopped by a failure is gone."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

from nact._runtime.repr import shortly
from nact.errors import ActorStoppedError, NactError
from nact.references import ActorRef


class Endings:
    """Of one system. An actor that nobody waits for, and that no failure stops, costs nothing here."""

    __slots__ = ("_loop", "_reasons", "awaited")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self.awaited: dict[ActorRef[Any], Future[None] | None] = {}
        """Actors that were told to stop and have not ended; and living ones, for which somebody waits."""
        self._reasons: WeakKeyDictionary[ActorRef[Any], BaseException] | None = None

    def end_of(self, ref: ActorRef[Any]) -> Future[None] | None:
        """Is done when the actor has ended; `None` if it has."""
        if ref.is_stopped and ref not in self.awaited:
            return None
        end = self.awaited.get(ref)
        if end is None:
            end = self.awaited[ref] = self._loop.create_future()
        return end

    def told_to_stop(self, ref: ActorRef[Any]) -> None:
        """The actor has something left to do before it ends."""
        self.awaited.setdefault(ref)

    def has_ended(self, ref: ActorRef[Any]) -> None:
        """The actor is no more."""
        end = self.awaited.pop(ref, None)
        if end is not None and not self._loop.is_closed():
            end.set_result(None)

    def remember(self, ref: ActorRef[Any], reason: BaseException) -> None:
        """A failure has stopped the actor. It is known as long as there is a reference to the actor."""
        if self._reasons is None:
            self._reasons = WeakKeyDictionary()
        self._reasons[ref] = reason

    def reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        """The failure that stopped the actor, if it was one."""
        return None if self._reasons is None else self._reasons.get(ref)


def without_frames(error: BaseException) -> BaseException:
    """The error, for keeping: a copy without traceback and causes, whose frames hold states and messages."""
    try:
        twin = copy(error)
    except Exception:  # a class of somebody's may refuse to be copied
        twin = error
    # A group's parts have tracebacks of their own.
    if twin is error or type(twin) is not type(error) or isinstance(error, BaseExceptionGroup):
        return NactError(shortly(error))
    return twin.with_traceback(None)


def has_stopped(ref: ActorRef[Any], so: str) -> ActorStoppedError:
    """The error that one gets who comes too late."""
    reason = ref._top()._reason_of(ref)
    after = " or never existed" if reason is None else f" after a failure ({type(reason).__name__})"
    error = ActorStoppedError(f"{ref.path} has stopped{after}: {so}")
    error.__cause__ = reason
    return error
