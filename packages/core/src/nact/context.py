"""The context of a message, which a handler is given beside it: the actor, the sender, and a log."""

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
    """An actor's parent, as the actor's context sees it."""

    @property
    def ref(self) -> ActorRef[Any]: ...


class InsideOfActor(Protocol):
    """The inside of an actor, as the actor's context sees it."""

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


class Context(msgspec.Struct, Generic[Msg], eq=False, frozen=True):  # making a Struct takes a third of the time
    """The context of one message. It stays valid for that message, however long it is kept.

    Attributes:
        sender: The sender of the message; `NOBODY` if none was given. In a `query`, it is where the answer goes:
            `dispatch(ctx.sender, answer)`.
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
        """The reference of the parent: an actor, or the system."""
        return self._cell.parent.ref

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """The living children by name: a view that changes as they come and go. Copy it to keep it."""
        return self._cell.children

    @property
    def log(self) -> ActorLog:
        """The actor's log: `ctx.log.info("...")`."""
        return ActorLog(self._cell.runtime.log_engine, self._cell.ref)
