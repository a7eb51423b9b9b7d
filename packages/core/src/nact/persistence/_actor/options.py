"""The options of `spawn_persistent` and `persistent_query` that concern the journal, checked once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Final, Generic, NamedTuple, TypedDict, TypeVar

from nact._actor.options import SpawnOptions, check_callable
from nact.persistence.codecs.codec import Codec, check_function
from nact.persistence.engine import EventDeletion, PersistenceEngine, SnapshotStore

State = TypeVar("State")
Event = TypeVar("Event")
Ctx = TypeVar("Ctx")

REMEMBERED_COMMANDS: Final = 1000


class Retention(NamedTuple):
    """The part of the past that is kept.

    Attributes:
        snapshots: The number of latest snapshots that are kept; older ones are deleted.
        delete_events: Whether the events that the oldest of these snapshots covers are deleted, too.
    """

    snapshots: int
    delete_events: bool = False


class ReadingOptions(TypedDict, Generic[State, Event], total=False):
    """The options of persistent actors and of persistent queries.

    Attributes:
        codec: Writes events as JSON values, and reads them again: a `TypedCodec`, say. Without it, events have to be
            JSON values.
        snapshot_every: Takes a snapshot of the state after this number of events. Without it, none is taken.
        snapshot_codec: Writes states as JSON values, and reads them again. Without it, states have to be JSON values.
        skip_deleted: Leaves deleted events that no snapshot covers out of the state. By default they raise
            `CorruptJournalError`, since the state would lack them.
    """

    codec: Codec[Event] | None
    snapshot_every: int | None
    snapshot_codec: Codec[State] | None
    skip_deleted: bool


class PersistentOptions(
    ReadingOptions[State, Event], SpawnOptions[State, Ctx], Generic[State, Event, Ctx], total=False
):
    """The options of persistent actors: those of `ReadingOptions` and `SpawnOptions`, and three more.

    Attributes:
        apply: Makes the next state of a state and an event. It is pure, and not async. With it, recovery doesn't call
            the handler; see `spawn_persistent`.
        retention: The part of the past that is kept; by default all of it. Needs `snapshot_every`.
        remember_commands: The number of commands that `ctx.seen` remembers; 1000 by default.
    """

    apply: Callable[[State, Event], State] | None
    retention: Retention | None
    remember_commands: int


class JournalOptions(NamedTuple):
    """The options that concern the journal, checked."""

    snapshot_every: int | None = None
    retention: Retention | None = None
    encoder: Callable[[Any], Any] | None = None
    decoder: Callable[[Any], Any] | None = None
    snapshot_encoder: Callable[[Any], Any] | None = None
    snapshot_decoder: Callable[[Any], Any] | None = None
    skip_deleted: bool = False
    apply: Callable[[Any, Any], Any] | None = None
    remember_commands: int = REMEMBERED_COMMANDS


_default_options = JournalOptions()


def journal_options(
    engine: PersistenceEngine,
    *,
    codec: Codec[Any] | None = None,
    snapshot_every: int | None = None,
    snapshot_codec: Codec[Any] | None = None,
    skip_deleted: bool = False,
    apply: Callable[[Any, Any], Any] | None = None,
    retention: Retention | None = None,
    remember_commands: int = REMEMBERED_COMMANDS,
) -> JournalOptions:
    """Checks the options.

    Raises:
        TypeError, ValueError: An option is invalid. The message names it.
    """
    encoder, decoder = _functions("codec", codec)
    snapshot_encoder, snapshot_decoder = _functions("snapshot_codec", snapshot_codec)
    if type(skip_deleted) is not bool:
        raise TypeError(f"skip_deleted must be True or False, not {skip_deleted!r}")
    if snapshot_every is not None:
        if type(snapshot_every) is not int or snapshot_every < 1:
            raise ValueError(f"snapshot_every must be a number of events, an int from 1, not {snapshot_every!r}")
        if not isinstance(engine, SnapshotStore):
            raise ValueError(f"snapshot_every needs an engine that keeps snapshots, which {engine!r} doesn't")
    if retention is not None:
        _check_retention(engine, retention, snapshot_every)
    if apply is not None:
        check_callable("apply", apply)
        if iscoroutinefunction(apply):
            raise TypeError(f"apply must be a plain function, not the async {apply!r}: it isn't awaited")
    if type(remember_commands) is not int or remember_commands < 1:
        raise ValueError(f"remember_commands must be a number of commands, an int from 1, not {remember_commands!r}")
    options = JournalOptions(
        snapshot_every,
        retention,
        encoder,
        decoder,
        snapshot_encoder,
        snapshot_decoder,
        skip_deleted,
        apply,
        remember_commands,
    )
    return _default_options if options == _default_options else options


def _functions(name: str, codec: Codec[Any] | None) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    if codec is None:
        return None, None
    encode, decode = getattr(codec, "encode", None), getattr(codec, "decode", None)
    if encode is None or decode is None or isinstance(codec, type | str | bytes):
        raise TypeError(f"{name} must have the methods encode and decode, as a TypedCodec has, not {codec!r}")
    check_function(f"{name}.encode", encode)
    check_function(f"{name}.decode", decode)
    return encode, decode


def _check_retention(engine: PersistenceEngine, retention: Retention, every: int | None) -> None:
    if not isinstance(retention, Retention):
        raise TypeError(f"retention must be a Retention, not {retention!r}")
    if every is None:
        raise ValueError("retention needs snapshot_every: without snapshots every event is needed")
    if type(retention.snapshots) is not int or retention.snapshots < 1:
        raise ValueError(f"retention must keep a number of snapshots, an int from 1, not {retention.snapshots!r}")
    if retention.delete_events and not isinstance(engine, EventDeletion):
        raise ValueError(f"retention with delete_events needs an engine that can delete events, which {engine!r} can't")
