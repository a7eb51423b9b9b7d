"""Parents and children: children are found by name, and end before their parent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol, cast

from nact._runtime.runtime import Runtime
from nact.errors import NameInUseError
from nact.references import ActorRef


class Child(Protocol):
    """The cell of a child, as its parent uses it."""

    def stop(self, cause: BaseException | None = None) -> None:
        """Orders the child and its descendants to stop."""
        ...

    def order_reset(self, cause: BaseException | None = None) -> None:
        """Orders the child to make its state anew."""
        ...


class Family:
    """A parent: the cell of an actor, or the root of a system.

    A child's name is free again as soon as the child is told to stop. From then on until it has ended, the child is
    *leaving*, and its parent waits for it.
    """

    __slots__ = ("_children", "leaving", "ref", "runtime")

    ref: ActorRef[Any]
    runtime: Runtime

    def __init__(self, ref: ActorRef[Any], runtime: Runtime) -> None:
        self.ref = ref
        self.runtime = runtime
        self.leaving = 0
        """The number of children that were told to stop, and of tasks, that haven't ended."""
        self._children: dict[str, ActorRef[Any]] | None = None

    @property
    def children(self) -> Mapping[str, ActorRef[Any]]:
        """The living children by name: a view that changes as they come and go."""
        if self._children is None:
            self._children = {}
        return MappingProxyType(self._children)

    def cells(self) -> list[Child]:
        """The cells of the living children."""
        return [cast("Child", ref._target) for ref in self._children.values()] if self._children else []

    def name_for_child(self, name: str | None) -> str:
        """The name, if no living child has it; or a new one for `None`."""
        taken = self._children or ()
        if name is None:
            name = self.runtime.new_name()
            while name in taken:
                name = self.runtime.new_name()
        elif name in taken:
            raise NameInUseError(f"{self.ref.path} already has a child named {name!r}")
        return name

    def adopt(self, child: ActorRef[Any]) -> None:
        """Adds the child."""
        if self._children is None:
            self._children = {}
        self._children[child.name] = child

    def detach(self, child: ActorRef[Any]) -> None:
        """Called when the child is told to stop: frees its name, and counts it as leaving."""
        if self._children is not None:
            del self._children[child.name]
        self.leaving += 1

    def stop_children(self, cause: BaseException | None = None) -> None:
        """Orders every child to stop, perhaps because of a failure."""
        for cell in self.cells():
            cell.stop(cause)

    def reset_children(self, cause: BaseException | None = None) -> None:
        """Orders every child to make its state anew."""
        for cell in self.cells():
            cell.order_reset(cause)

    def one_left(self) -> None:
        """Called when a child or a task that was leaving has ended."""
        family: Family | None = self
        while family is not None:  # a loop, since recursion has a limit and families can be deep
            family.leaving -= 1
            family = None if family.leaving else family.all_left()

    def all_left(self) -> Family | None:
        """Called when the last of them has ended. Returns the parent, to be told, if this family ends with that."""
        raise NotImplementedError

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        """Takes a message for the actor or the system."""
        raise NotImplementedError

    def stop(self, cause: BaseException | None = None) -> None:
        """Orders the actor or the system, and all descendants, to stop, perhaps because of a failure."""
        raise NotImplementedError
