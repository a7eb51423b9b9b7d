"""What a handler is given beside the message: who and where it is, who sent the message, and how to log."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from nact._runtime.runtime import Runtime
from nact.monitoring import ActorLog
from nact.references import ActorRef

Msg = TypeVar("Msg")


class HasReference(Protocol):
    """What an actor's parent is to the actor's context."""

    @property
    def ref(self) -> ActorRef[Any]: ...


class InsideOfActor(Protocol):
    """What a context shows of the inside of its actor."""

    @property
    def ref(self) -> ActorRef[Any]: ...

    @property
    def parent(self) -> HasReference: ...

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]: ...

    @property
    def mailbox(self) -> deque[tuple[Any, ActorRef[Any]]] | None: ...

    @property
    def runtime(self) -> Runtime: ...


class Context(msgspec.Struct, Generic[Msg], eq=False, frozen=True):  # a Struct is made in a third of the time
    """The context of one message. It stays true for that message, however long it is kept.

    Attributes:
        sender: Who sent the message; `NOBODY` if the sender didn't say. A `query` waits for what is dispatched to it.
    """

    _cell: InsideOfActor
    sender: ActorRef[Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r}, sender={self.sender!r})"

    @property
    def self(self) -> ActorRef[Msg]:
        """The actor's own reference."""
        return self._cell.ref

    @property
    def name(self) -> str:
        """The actor's name."""
        return self._cell.ref.name

    @property
    def path(self) -> str:
        """The actor's path, as in `system://parent/child`."""
        return self._cell.ref.path

    @property
    def parent(self) -> ActorRef[Any]:
        """The parent's reference; the system's, at the top."""
        return self._cell.parent.ref

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """The living children by name. A view that changes as they come and go; copy it to keep it."""
        return self._cell.children

    @property
    def log(self) -> ActorLog:
        """Logs in the actor's name."""
        return ActorLog(self._cell.runtime.log_engine, self._cell.ref)
