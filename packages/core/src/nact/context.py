"""What a handler is given beside the message: who and where it is, who sent the message, and how to log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from nact.monitoring import ActorLog
from nact.references import ActorRef
from nact.supervision import Decision

if TYPE_CHECKING:
    from nact._cell import Cell

Msg = TypeVar("Msg")


class Context(Generic[Msg]):
    """The context of one message. It stays true for that message, however long it is kept.

    Attributes:
        sender: Who sent the message; `NOBODY` if nobody said so. A `query` waits for what is dispatched to it.
    """

    __slots__ = ("_cell", "sender")

    sender: Final[ActorRef[Any]]

    def __init__(self, cell: Cell, sender: ActorRef[Any]) -> None:
        self._cell = cell
        self.sender = sender

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


class CrashContext(Context[Msg]):
    """The context of a supervision policy: the decisions that it can return, and the messages that wait."""

    __slots__ = ()

    stop: Final = Decision.STOP
    stop_all: Final = Decision.STOP_ALL
    stop_child: Final = Decision.STOP_CHILD
    stop_all_children: Final = Decision.STOP_ALL_CHILDREN
    resume: Final = Decision.RESUME
    reset: Final = Decision.RESET
    reset_all: Final = Decision.RESET_ALL
    reset_child: Final = Decision.RESET_CHILD
    reset_all_children: Final = Decision.RESET_ALL_CHILDREN
    escalate: Final = Decision.ESCALATE

    @property
    def mailbox(self) -> tuple[Msg, ...]:
        """The messages that wait in the actor's mailbox, the next one first."""
        return tuple(msg for msg, _ in self._cell.mailbox or ())
