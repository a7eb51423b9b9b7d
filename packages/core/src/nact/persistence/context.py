"""What a persistent actor's handler is given beside the message."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Sequence
from typing import Any, ClassVar, Protocol

from nact.context import Context, Msg
from nact.persistence.records import PersistedEvent


class Persists(Protocol):
    """What a context knows of its actor's journal."""

    def persist(self, context: Any, msg: Any, tags: Collection[str], /) -> Coroutine[Any, Any, PersistedEvent]: ...

    def persist_all(
        self, context: Any, msgs: Sequence[Any], tags: Collection[str], /
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]: ...


class PersistentContext(Context[Msg], eq=False, frozen=True):
    """The context of one message of a persistent actor.

    Attributes:
        recovering: Whether the message is replayed from the journal: its effects on the world have happened already.
    """

    _journal: Persists
    recovering: ClassVar[bool] = False

    def persist(self, msg: Any, tags: Collection[str] = ()) -> Coroutine[Any, Any, PersistedEvent]:
        """Stores `msg` as the actor's next event. It must be awaited, before the handler returns.

        It belongs to this context's message. Tasks that the handler starts may call it, too, as long as the handler
        hasn't returned: their events are stored one after another. When it has, this context is refused, also while
        the actor handles another message.

        When this returns, the event survives any crash, and is given to the handler again whenever the actor starts.
        If it raises, change nothing in the state. Where it isn't known whether the event was stored (the engine lost
        its connection, or the wait was cancelled), the actor recovers again, or stops, after the message.

        Args:
            msg: The event: a JSON value, or what the actor's `encoder` makes one of.
            tags: Labels to filter events by.

        Raises:
            PersistUsageError: At the call: while recovering, or when this context's message is done.
            InvalidEventError: The event can't be stored exactly. Nothing was stored, and the actor keeps its state.
            SequenceConflictError: Another writer uses this actor's key, and the actor will stop. Or an earlier event
                of this actor was stored after all, long after its write was given up: then the actor recovers again.
            EngineUnavailableError: The engine can't reach its storage; `outcome_known` tells if nothing was stored.
        """
        return self._journal.persist(self, msg, tags)

    def persist_all(
        self, msgs: Sequence[Any], tags: Collection[str] = ()
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]:
        """Stores several events, all or none. Otherwise like `persist`.

        Raises:
            PersistUsageError: Also where the engine can't store several events atomically (`AtomicBatches`).
        """
        return self._journal.persist_all(self, msgs, tags)


class ReplayContext(PersistentContext[Msg], eq=False, frozen=True):
    """The context of events that are replayed, and of whatever else happens before an actor has recovered."""

    recovering: ClassVar[bool] = True
