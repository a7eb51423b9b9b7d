"""What a persistent actor's handler is given beside the message."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from nact.context import Context, Msg
from nact.persistence.records import JsonValue, PersistedEvent, PersistedSnapshot

Event = TypeVar("Event")
State = TypeVar("State")

NOT_GIVEN: Final[Any] = object()


class Persists(Protocol):
    """What a context knows of its actor's journal."""

    @property
    def key(self) -> str: ...

    @property
    def sequence_number(self) -> int: ...

    @property
    def replayed(self) -> PersistedEvent | None: ...

    def seen(self, command_id: str, /) -> tuple[int, ...]: ...

    def persist(
        self,
        context: Any,
        event: Any,
        tags: Collection[str],
        metadata: Mapping[str, JsonValue] | None,
        command_id: str | None,
        /,
    ) -> Coroutine[Any, Any, PersistedEvent]: ...

    def persist_all(
        self,
        context: Any,
        events: Sequence[Any],
        tags: Collection[str],
        metadata: Mapping[str, JsonValue] | None,
        command_id: str | None,
        /,
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]: ...

    def snapshot(self, context: Any, state: Any, /) -> Coroutine[Any, Any, PersistedSnapshot]: ...

    def forget_events(self, context: Any, state: Any, /) -> Coroutine[Any, Any, None]: ...

    def erase(self, context: Any, state: Any, /) -> Coroutine[Any, Any, Any]: ...


class PersistentContext(Context[Msg], Generic[Msg, Event], eq=False, frozen=True):
    """The context of one message of a persistent actor: `PersistentContext[Msg, Event]`.

    Attributes:
        recovering: Whether the message is replayed from the journal: its effects on the world have happened already.
            Never true for an actor that was spawned with `apply=`.
    """

    _journal: Persists
    recovering: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """The actor's persistence key."""
        return self._journal.key

    @property
    def sequence_number(self) -> int:
        """The number of the actor's last event that is known to be stored; 0 before the first one."""
        return self._journal.sequence_number

    @property
    def event(self) -> PersistedEvent | None:
        """The record that is replayed: its number, time, tags and metadata. `None` when the message is a new one."""
        return None

    def seen(self, command_id: str) -> tuple[int, ...]:
        """The sequence numbers of what the command persisted; empty, and so false, if the command is new.

        Remembers the last thousand commands (`remember_commands=`), also across restarts and snapshots. As in
        `if ctx.seen(msg.id): return state`.

        Raises:
            TypeError, ValueError: The id isn't a non-empty `str`.
        """
        return self._journal.seen(command_id)

    def persist(
        self,
        event: Event,
        tags: Collection[str] = (),
        *,
        metadata: Mapping[str, JsonValue] | None = None,
        command_id: str | None = None,
    ) -> Coroutine[Any, Any, PersistedEvent]:
        """Stores the actor's next event. It must be awaited, before the handler returns.

        It belongs to this context's message. Tasks that the handler starts may call it, too, as long as the handler
        hasn't returned: their events are stored one after another. When it has, this context is refused, also while
        the actor handles another message.

        When this returns, the event survives any crash, and is given to the handler (or to `apply`) again whenever the
        actor starts. If it raises, change nothing in the state. Where it isn't known whether the event was stored (the
        engine lost its connection, or the wait was cancelled), the actor recovers again, or stops, after the message.

        Args:
            event: A JSON value, or what the actor's `codec` makes one of.
            tags: Labels to filter events by.
            metadata: A JSON object that is stored beside the event: who caused it, say, and why.
            command_id: The command that the event comes of; `seen` tells it from then on.

        Raises:
            PersistUsageError: At the call: while recovering, or when this context's message is done.
            InvalidEventError: The event can't be stored exactly. Nothing was stored, and the actor keeps its state.
            SequenceConflictError: Another writer uses this actor's key, and the actor will stop. Or an earlier event
                of this actor was stored after all, long after its write was given up: then the actor recovers again.
            EngineUnavailableError: The engine can't reach its storage. Nothing was stored, unless it is an
                `OutcomeUnknownError`.
            TypeError, ValueError: At the call: `command_id` isn't a non-empty `str`.
        """
        return self._journal.persist(self, event, tags, metadata, command_id)

    def persist_all(
        self,
        events: Sequence[Event],
        tags: Collection[str] = (),
        *,
        metadata: Mapping[str, JsonValue] | None = None,
        command_id: str | None = None,
    ) -> Coroutine[Any, Any, Sequence[PersistedEvent]]:
        """Stores several events, all or none, each with the same tags and metadata. Otherwise like `persist`.

        Raises:
            PersistUsageError: Also where the engine can't store several events atomically (`AtomicBatches`).
        """
        return self._journal.persist_all(self, events, tags, metadata, command_id)

    def snapshot(self, state: Any = NOT_GIVEN) -> Coroutine[Any, Any, PersistedSnapshot]:
        """Stores a snapshot now, and returns when it is durable. It must be awaited, before the handler returns.

        Args:
            state: The state after what this message persisted, which the handler is about to return. Not given, and not
                needed, if it persisted nothing: the snapshot is of the state that the handler was called with.

        Raises:
            PersistUsageError: The engine keeps no snapshots, nothing was ever persisted, or `state` is missing.
            InvalidEventError: The state can't be stored exactly.
            EngineUnavailableError: The engine can't reach its storage.
        """
        return self._journal.snapshot(self, state)

    def forget_events(self, state: Any = NOT_GIVEN) -> Coroutine[Any, Any, None]:
        """Stores a snapshot, and deletes every event up to now for good: the state stays, its history doesn't.

        It must be awaited, before the handler returns. If it is cut off in between, the snapshot is there, and events
        that weren't deleted yet; call it again. Older snapshots stay: they are copies of the past, too (`erase`).

        Raises:
            PersistUsageError: As for `snapshot`; also where the engine can't delete events.
        """
        return self._journal.forget_events(self, state)

    def erase(self, state: State = NOT_GIVEN) -> Coroutine[Any, Any, State]:
        """Deletes every event and every snapshot of the key for good, and returns the state to go on with.

        The handler has to return what this returns, as in `return await ctx.erase()`. A snapshot of it takes the place
        of all that was, so that the actor starts with it from now on; sequence numbers go on. Remembered commands are
        forgotten.

        If it is cut off in between, some of the past may still be stored: the actor recovers, and has to be told again.

        Args:
            state: What remains; the actor's initial state if not given. It must be free of what is to be erased.

        Raises:
            PersistUsageError: The engine keeps no snapshots, or can't delete events.
        """
        return self._journal.erase(self, state)


class ReplayContext(PersistentContext[Msg, Event], eq=False, frozen=True):
    """The context of events that are replayed, and of whatever else happens before an actor has recovered."""

    recovering: ClassVar[bool] = True

    @property
    def sequence_number(self) -> int:
        """The number of the event that is replayed."""
        replayed = self._journal.replayed
        return 0 if replayed is None else replayed.sequence_number

    @property
    def event(self) -> PersistedEvent | None:
        """The record that is replayed."""
        return self._journal.replayed
