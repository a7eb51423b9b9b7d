"""The protocol by which a cell uses the journal of a persistent actor, so that cells don't depend on persistence."""

from __future__ import annotations

from typing import Any, Protocol

from nact.context import Context
from nact.references import ActorRef


class Journaling(Protocol):
    """The journal of a cell.

    Attributes:
        current: The context of the message in progress.
        recovered: True when the cell has the state that follows from the journal.
    """

    current: Any
    recovered: bool

    @property
    def live_context(self) -> Any:
        """Makes the context of a message. The cell sets it as `current`."""
        ...

    def bind(self, cell: Any) -> None:
        """Called once, by the cell that owns the journal."""
        ...

    def new_context(self, sender: ActorRef[Any]) -> Context[Any]:
        """A context for anything but a new message: `after_stop`, say."""
        ...

    def claim(self) -> None:
        """Makes the actor the only writer of its key in this system."""
        ...

    def release(self) -> None:
        """Called when the actor has ended: another one may write to its key from now on."""
        ...

    async def recover(self) -> bool:
        """Gives the cell the state that follows from the journal. Returns False if the actor stops or is reset."""
        ...

    def after_message(self, cell: Any, state: Any) -> BaseException | None:
        """Ends the handling of a message. Returns a fault that the handler didn't raise: an unawaited persist, say."""
        ...

    def before_supervision(self) -> None:
        """Ends the handling of a message whose handler raised."""
        ...

    async def after_supervision(self) -> None:
        """Follows the policy's decision about a fault."""
        ...
