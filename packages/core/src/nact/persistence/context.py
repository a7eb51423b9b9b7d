"""`PersistentContext`, by which a persistent actor's handler stores events and keeps its journal."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from nact.context import Context, Msg
from nact.persistence.records import JsonValue, PersistedEvent, PersistedSnapshot

Event = TypeVar("Event")
State = TypeVar("State")

NOT_GIVEN: Final[Any] = object()


class Persists(Protocol):
    """The journal of an actor, as the actor's context uses it."""

    @property
    def key(self) -> str: ...

    @property
    def sequence_number(self) -> int: ...

    @property
    def replayed(self) -> PersistedEvent | None: ...

    def replayed_event(self) -> PersistedEvent | None: ...

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
        recovering: True if the message is replayed from the journal: its effects outside the actor have happened
            already. Always false in the handler of an actor that was spawned with `apply=`.
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
        """The record that is being replayed, with `data` decoded, tags and metadata; `None` for a new message."""
        return None

    def seen(self, command_id: str) -> tuple[int, ...]:
        """The sequence numbers of the events that the command persisted; empty, and so false, if the command is new.

        Use it to handle a repeated command once: `if ctx.seen(msg.id): return state`. The actor remembers its last
        thousand commands (`remember_commands=`), across restarts and snapshots, too.

        Raises:
            TypeError, ValueError: The id isn't a non-empty `str` of valid Unicode.
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
        """Stores the actor's next event. Await it before the handler returns.

        Once this has returned, the event survives any crash, and the handler (or `apply`) gets it again whenever the
        actor starts. If this raises, don't change the state. If it isn't known whether the event was stored (the engine
        lost its connection, or the wait was cancelled), the actor recovers again, or stops, after the message.

        The event belongs to this context's message. Tasks that the handler starts may call this, too, until the handler
        returns: their events are stored one after another. From then on this context is refused, even while the actor
        handles another message.

        Args:
            event: A JSON value, or a value that the actor's `codec` encodes as one.
            tags: Labels to filter events by.
            metadata: A JSON object to store with the event: its cause and its reason, say.
            command_id: The id of the command that causes the event, for `seen`.

        Returns:
            The record, when awaited: its number, id and time, and in `data` the event as it was given.

        Raises:
            PersistUsageError: At the call: the actor is recovering, or this context's message is done.
            InvalidEventError: The event can't be stored exactly. Nothing was stored, and the actor keeps its state.
            SequenceConflictError: Another writer uses this actor's key, and the actor will stop. Or an earlier write of
                this actor, whose outcome was unknown, was stored late: then the actor recovers again.
            EngineUnavailableError: The engine can't reach its storage. Nothing was stored, unless the error is an
                `OutcomeUnknownError`.
            TypeError, ValueError: At the call: `command_id` isn't a non-empty `str` of valid Unicode.
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
        """Stores several events, all or none, each with the same tags and metadata. Otherwise it is like `persist`.

        Raises:
            PersistUsageError: As for `persist`; also if the engine can't store several events atomically
                (`AtomicBatches`), or `events` isn't a sequence.
        """
        return self._journal.persist_all(self, events, tags, metadata, command_id)

    def snapshot(self, state: Any = NOT_GIVEN) -> Coroutine[Any, Any, PersistedSnapshot]:
        """Stores a snapshot now, and returns when it is durable. Await it before the handler returns.

        Args:
            state: The state that the handler is about to return, if this message has persisted events. Otherwise don't
                give it: the snapshot is of the state that the handler was called with.

        Raises:
            PersistUsageError: The engine keeps no snapshots, nothing was ever persisted, `state` is missing, or another
                event was persisted after the call.
            InvalidEventError: The state can't be stored exactly.
            EngineUnavailableError: The engine can't reach its storage.
        """
        return self._journal.snapshot(self, state)

    def forget_events(self, state: Any = NOT_GIVEN) -> Coroutine[Any, Any, None]:
        """Stores a snapshot, and deletes all events up to now for good: the state stays, but not its history.

        Await it before the handler returns. If it is interrupted, the snapshot and some of the events may be stored:
        call it again. Older snapshots stay, with their data of the past; `erase` deletes them.

        Args:
            state: See `snapshot`.

        Raises:
            PersistUsageError: As for `snapshot`; also if the engine can't delete events.
            SequenceConflictError: Another process has written to the key. Nothing was changed, and the actor will stop.
            InvalidEventError, EngineUnavailableError: See `snapshot`.
        """
        return self._journal.forget_events(self, state)

    def erase(self, state: State = NOT_GIVEN) -> Coroutine[Any, Any, State]:
        """Deletes all events and snapshots of the key for good, and returns the state to go on with.

        The handler has to return this state, as in `return await ctx.erase()`, and can persist nothing in this message
        any more. A snapshot of the state replaces everything else, and the actor starts with it from now on. Sequence
        numbers continue. Remembered commands are forgotten.

        If it is interrupted, some of the past may still be stored: the actor recovers, and has to be told again.

        Args:
            state: The state that remains; by default the actor's initial state. It must not contain anything that is to
                be erased.

        Raises:
            PersistUsageError: The engine keeps no snapshots, or can't delete events; or no state was given, and
                `initial_state` may have been changed in place.
            SequenceConflictError, InvalidEventError, EngineUnavailableError: See `forget_events`.
        """
        return self._journal.erase(self, state)


class ReplayContext(PersistentContext[Msg, Event], eq=False, frozen=True):
    """The context of replayed events, and of everything else before an actor has recovered."""

    recovering: ClassVar[bool] = True

    @property
    def sequence_number(self) -> int:
        """The number of the event that is being replayed."""
        replayed = self._journal.replayed
        return 0 if replayed is None else replayed.sequence_number

    @property
    def event(self) -> PersistedEvent | None:
        """The record that is being replayed."""
        return self._journal.replayed_event()

    def seen(self, command_id: str) -> tuple[int, ...]:
        """Empty: what is replayed was new when it was persisted, so the handler takes the same way as it did then."""
        self._journal.seen(command_id)  # which refuses what isn't an id
        return ()
