"""What a cell knows of the journal of a persistent actor. It stands alone so that cells don't depend on persistence."""

from __future__ import annotations

from typing import Any, Protocol

from nact.context import Context
from nact.references import ActorRef


class Journaling(Protocol):
    """The journal of a cell, as the cell sees it.

    Attributes:
        current: The context of the message in progress.
        recovered: Whether the state is what the journal tells.
    """

    current: Any
    recovered: bool

    @property
    def live_context(self) -> Any:
        """Makes the context of a message, which then has to be `current`."""
        ...

    def bind(self, cell: Any) -> None:
        """Called once, by the cell that it belongs to."""
        ...

    def new_context(self, sender: ActorRef[Any]) -> Context[Any]:
        """A context for whatever isn't a new message."""
        ...

    def claim(self) -> None:
        """Makes the actor the only writer of its key in this system."""
        ...

    def release(self) -> None:
        """The actor has ended: another one may write to its key."""
        ...

    async def recover(self) -> bool:
        """Gives the cell the state that the journal tells. Returns False if a fault on the way was judged."""
        ...

    def after_message(self, cell: Any, state: Any) -> BaseException | None:
        """Looks back on a message that was handled. Returns a fault, if there was one that the handler didn't raise."""
        ...

    def before_judgement(self) -> None:
        """Looks back on a message whose handler raised."""
        ...

    async def after_crash(self) -> None:
        """Looks back on a fault that was judged."""
        ...
