"""References: what you send messages to. They stay valid, and harmless, when the actor is gone."""

from __future__ import annotations

from asyncio import Future
from typing import Any, Final, Generic, Protocol, TypeVar, final

Msg_contra = TypeVar("Msg_contra", contravariant=True)


class Target(Protocol):
    """What stands behind a reference: an actor, a system or a question."""

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        """Takes a message."""
        ...

    def stop(self) -> None:
        """Stops it, with all below it."""
        ...


class ActorRef(Generic[Msg_contra]):
    """Refers to one actor that takes messages of type `Msg`.

    Send with `dispatch` or `query`. When the actor has stopped, what is sent is a dead letter; an actor spawned later
    under the same name is another actor. References are equal only to themselves.
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
        """Where the actor is, as in `system://parent/child`."""
        names: list[str] = []
        ref: ActorRef[Any] = self
        while ref.parent is not None:
            names.append(ref.name)
            ref = ref.parent
        return f"{ref.name}://{'/'.join(reversed(names))}"

    @property
    def is_stopped(self) -> bool:
        """Whether messages to it are dead letters."""
        return self._target is None

    def _top(self) -> ActorRef[Any]:
        """Where its path begins: a system, unless it is `NOBODY`."""
        top: ActorRef[Any] = self
        while top.parent is not None:
            top = top.parent
        return top

    # Called on the top of a path. Only systems know more.

    def _reason_of(self, ref: ActorRef[Any]) -> BaseException | None:
        """The failure that stopped the actor."""

    def _end_of(self, ref: ActorRef[Any]) -> Future[None] | None:
        """Is done when the actor has ended."""

    def _dead_letter(self, ref: ActorRef[Any], msg: object) -> None:
        """Called when a message to `ref` is dropped."""

    def _keep_failure(self, ref: ActorRef[Any], error: BaseException) -> None:
        """Called on the top of the path when `ref` failed in a way that ends more than an actor."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' stopped' if self.is_stopped else ''}>"


@final
class Nobody(ActorRef[object]):
    """Takes any message and drops it. The sender of a message that has none."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("nobody", None, None)

    def __repr__(self) -> str:
        return "<Nobody>"


NOBODY: Final = Nobody()
