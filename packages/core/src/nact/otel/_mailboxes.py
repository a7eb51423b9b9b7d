"""What waits in mailboxes, counted when somebody asks: an actor's messages pay nothing for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nact._cell import Cell

if TYPE_CHECKING:
    from nact._family import Family
    from nact.references import ActorRef
    from nact.system import ActorSystem

MailboxGroup: TypeAlias = "Callable[[ActorRef[Any]], str]"


@dataclass(slots=True)
class Survey:
    """Of some actors."""

    actors: int = 0
    messages: int = 0
    longest: int = 0

    def add(self, waiting: int) -> None:
        """Adds an actor with so many messages that wait."""
        self.actors += 1
        self.messages += waiting
        self.longest = max(self.longest, waiting)


def survey(system: ActorSystem, group: MailboxGroup | None) -> dict[str | None, Survey]:
    """The system's living actors, by group; all under `None` if there is no such function."""
    found: dict[str | None, Survey] = {} if group else {None: Survey()}
    for cell in _living(system):
        mailbox = cell.mailbox
        surveyed = found.setdefault(group(cell.ref) if group else None, Survey())
        surveyed.add(len(mailbox) if mailbox else 0)
    return found


def _living(system: ActorSystem) -> Iterator[Cell]:
    families: list[Family] = [system._root]
    while families:
        children = families.pop()._children
        # Often in another thread than the actors': the children are copied in one step of the interpreter.
        for ref in tuple(children.values()) if children else ():
            if isinstance(cell := ref._target, Cell):
                yield cell
                families.append(cell)
