"""What a handler is given beside the message: who and where it is, who sent the message, and how to log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

from nact.monitoring import ActorLog
from nact.references import ActorRef
from nact.supervision import Decision

if TYPE_CHECKING:
    from nact._cell import Cell

Msg = TypeVar("Msg")


class Context(msgspec.Struct, Generic[Msg], eq=False, frozen=True):  # a Struct is made in a third of the time
    """The context of one message. It stays true for that message, however long it is kept.

    Attributes:
        sender: Who sent the message; `NOBODY` if nobody said so. A `query` waits for what is dispatched to it.
    """

    _cell: Cell
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
        return ActorLog(self._cell.system.log_engine, self._cell.ref)


class CrashContext(Context[Msg], eq=False, frozen=True):
    """The context of a supervision policy: the decisions that it can return, and the messages that wait."""

    stop: ClassVar = Decision.STOP
    stop_all: ClassVar = Decision.STOP_ALL
    stop_child: ClassVar = Decision.STOP_CHILD
    stop_all_children: ClassVar = Decision.STOP_ALL_CHILDREN
    resume: ClassVar = Decision.RESUME
    reset: ClassVar = Decision.RESET
    reset_all: ClassVar = Decision.RESET_ALL
    reset_child: ClassVar = Decision.RESET_CHILD
    reset_all_children: ClassVar = Decision.RESET_ALL_CHILDREN
    escalate: ClassVar = Decision.ESCALATE

    @property
    def mailbox(self) -> tuple[Msg, ...]:
        """The messages that wait in the actor's mailbox, the next one first."""
        return tuple(msg for msg, _ in self._cell.mailbox or ())
