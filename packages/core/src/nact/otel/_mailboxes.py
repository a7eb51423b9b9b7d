"""Counts actors and their waiting messages when metrics are collected, so that messages cost nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._actor.family import Family
    from nact.references import ActorRef
    from nact.system import ActorSystem

MailboxGroup: TypeAlias = "Callable[[ActorRef[Any]], str]"


@dataclass(slots=True)
class Survey:
    """The counts of one group of a system's actors, or of all of them if there are no groups."""

    system: str
    group: str | None
    actors: int = 0
    messages: int = 0
    longest: int = 0


class Surveyor:
    """Surveys the systems once per collection, for all the instruments that ask one after another.

    An instrument that asks a second time begins a new survey. A system that was collected as garbage doesn't count.
    """

    def __init__(self) -> None:
        self.systems: tuple[tuple[ref[ActorSystem], MailboxGroup | None], ...] = ()
        self._surveys: list[Survey] = []
        self._told: set[str] = set()

    def surveys(self, asker: str) -> list[Survey]:
        """The counts now, or those of this collection's survey if another instrument has asked before."""
        if not self._told or asker in self._told:
            self._told = set()
            self._surveys = [
                survey
                for reference, group in self.systems
                if (system := reference()) is not None
                for survey in _survey(system, group)
            ]
        self._told.add(asker)
        return self._surveys


def _survey(system: ActorSystem, group: MailboxGroup | None) -> list[Survey]:
    whole_system = Survey(system.name, None)
    surveys: dict[str, Survey] = {}
    families: list[Family] = [system._root]
    while families:
        children = families.pop()._children
        # This often runs in another thread than the actors: `tuple` copies the children in one step.
        for actor in tuple(children.values()) if children else ():
            cell: Cell | None = actor._target  # type: ignore[assignment]  # a child's target is its cell
            if cell is None:
                continue  # it has just been stopped
            if cell._children:
                families.append(cell)
            survey = whole_system
            if group is not None:
                name = group(actor)
                survey = surveys.get(name) or surveys.setdefault(name, Survey(system.name, name))
            survey.actors += 1
            if mailbox := cell.mailbox:
                survey.messages += len(mailbox)
                survey.longest = max(survey.longest, len(mailbox))
    return [whole_system] if group is None else list(surveys.values())
