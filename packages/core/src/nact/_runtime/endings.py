"""The ends of actors: futures of ends that are awaited, and the failures that stopped actors."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

from nact._runtime.repr import short_repr
from nact.errors import ActorStoppedError, NactError
from nact.references import ActorRef


class Endings:
    """The ends of one system's actors. An actor whose end isn't awaited, and that no failure stops, costs nothing."""

    __slots__ = ("_loop", "_reasons", "awaited")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self.awaited: dict[ActorRef[Any], Future[None] | None] = {}
        """Actors that were told to stop and haven't ended, and actors whose end is awaited."""
        self._reasons: WeakKeyDictionary[ActorRef[Any], BaseException] | None = None

    def end_of(self, ref: ActorRef[Any]) -> Future[None] | None:
        """A future that is done when the actor has ended; `None` if it has ended already."""
        if ref.is_stopped and ref not in self.awaited:
            return None
        end = self.awaited.get(ref)
        if end is None:
            end = self.awaited[ref] = self._loop.create_future()
        return end

    def told_to_stop(self, ref: ActorRef[Any]) -> None:
        """Called when the actor is told to stop, and doesn't end at once."""
        self.awaited.setdefault(ref)

    def has_ended(self, ref: ActorRef[Any]) -> None:
        """Called when the actor has ended."""
        end = self.awaited.pop(ref, None)
        if end is not None and not self._loop.is_closed():
            end.set_result(None)

    def remember(self, ref: ActorRef[Any], reason: BaseException) -> None:
        """Remembers the failure that stopped the actor, as long as there is a reference to the actor."""
        if self._reasons is None:
            self._reasons = WeakKeyDictionary()
        self._reasons[ref] = reason

    def reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        """The failure that stopped the actor; `None` if none did."""
        return None if self._reasons is None else self._reasons.get(ref)


def without_frames(error: BaseException) -> BaseException:
    """A copy of the error to keep, without its traceback and causes, whose frames refer to states and messages."""
    try:
        twin = copy(error)
    except Exception:  # an application's class may refuse to be copied
        twin = error
    # A group isn't copied, since its members have tracebacks of their own.
    if twin is error or type(twin) is not type(error) or isinstance(error, BaseExceptionGroup):
        return NactError(short_repr(error))
    return twin.with_traceback(None)


def stopped_error(ref: ActorRef[Any], so: str) -> ActorStoppedError:
    """The error for a use of an actor that has stopped. `so` says what isn't possible any more."""
    reason = ref._top()._reason_of(ref)
    after = " or never existed" if reason is None else f" after a failure ({type(reason).__name__})"
    error = ActorStoppedError(f"{ref.path} has stopped{after}: {so}")
    error.__cause__ = reason
    return error
