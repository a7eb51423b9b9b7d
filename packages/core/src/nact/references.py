"""References to actors, which messages are sent to. They stay valid after the actor has stopped."""

from __future__ import annotations

from asyncio import Future
from typing import Any, Final, Generic, Protocol, TypeVar, final

Msg_contra = TypeVar("Msg_contra", contravariant=True)


class Target(Protocol):
    """The inside of a reference: an actor, a system or a question."""

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        """Takes a message."""
        ...

    def stop(self) -> None:
        """Stops it with all its descendants."""
        ...


class ActorRef(Generic[Msg_contra]):
    """Refers to one actor that takes messages of type `Msg`.

    Send with `dispatch` or `query`. After the actor has stopped, messages to it are dead letters; an actor spawned
    later under the same name is another actor. References are equal only to themselves.
    """

    __slots__ = ("__weakref__", "_target", "name", "parent")

    _target: Target | None
    name: Final[str]
    """Unique among siblings."""
    parent: Final[ActorRef[Any] | None]
    """The reference of the parent, or `None` for a system."""

    def __init__(self, name: str, parent: ActorRef[Any] | None, target: Target | None) -> None:
        self.name = name
        self.parent = parent
        self._target = target

    @property
    def path(self) -> str:
        """The actor's place in the system, as in `system://parent/child`."""
        names: list[str] = []
        ref: ActorRef[Any] = self
        while ref.parent is not None:
            names.append(ref.name)
            ref = ref.parent
        return f"{ref.name}://{'/'.join(reversed(names))}"

    @property
    def is_stopped(self) -> bool:
        """True if the actor has stopped: messages to it are dead letters."""
        return self._target is None

    def _top(self) -> ActorRef[Any]:
        """The beginning of its path: a system, unless it is `NOBODY`."""
        top: ActorRef[Any] = self
        while top.parent is not None:
            top = top.parent
        return top

    # These are called on the top of a path. Systems override them.

    def _reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        """The failure that stopped the actor."""

    def _end_of(self, ref: ActorRef[Any]) -> Future[None] | None:
        """A future that is done when the actor has ended; `None` if it has ended already."""

    def _dead_letter(self, ref: ActorRef[Any], msg: object) -> None:
        """Called when a message to `ref` is dropped."""

    def _keep_failure(self, ref: ActorRef[Any], error: BaseException) -> None:
        """Called when `ref` failed in a way that ends the program, not only the actor."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' stopped' if self.is_stopped else ''}>"


@final
class Nobody(ActorRef[object]):
    """Drops every message. It is the sender of messages that were sent without one."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("nobody", None, None)

    def __repr__(self) -> str:
        return "<Nobody>"


NOBODY: Final = Nobody()
