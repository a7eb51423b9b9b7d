"""The arguments of `spawn_persistent` and `persistent_query` that concern the journal, checked once."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, TypeAlias

from nact._actor.options import check_callable
from nact.persistence.engine import EventDeletion, PersistenceEngine, SnapshotStore

Codec: TypeAlias = Callable[[Any], Any]


class Retention(NamedTuple):
    """How much of the past is kept.

    Attributes:
        snapshots: So many of the latest snapshots are kept, older ones deleted.
        delete_events: Whether the events that went into the oldest snapshot kept are deleted, too.
    """

    snapshots: int
    delete_events: bool = False


class JournalOptions(NamedTuple):
    """How an actor's events and snapshots are written and read."""

    snapshot_every: int | None = None
    retention: Retention | None = None
    encoder: Codec | None = None
    decoder: Codec | None = None
    snapshot_encoder: Codec | None = None
    snapshot_decoder: Codec | None = None
    skip_deleted: bool = False


_default_options = JournalOptions()


def checked_journal_options(engine: PersistenceEngine, options: JournalOptions) -> JournalOptions:
    """The options, or an error that names the argument."""
    for argument in ("encoder", "decoder", "snapshot_encoder", "snapshot_decoder"):
        if (function := getattr(options, argument)) is not None:
            check_callable(argument, function)
            if iscoroutinefunction(function):
                raise TypeError(f"{argument} must be a plain function, not the async {function!r}: it isn't awaited")
    if type(options.skip_deleted) is not bool:
        raise TypeError(f"skip_deleted must be True or False, not {options.skip_deleted!r}")
    every, retention = options.snapshot_every, options.retention
    if every is not None:
        if type(every) is not int or every < 1:
            raise ValueError(f"snapshot_every must be a number of events, an int from 1, not {every!r}")
        if not isinstance(engine, SnapshotStore):
            raise ValueError(f"snapshot_every needs an engine that keeps snapshots, which {engine!r} doesn't")
    if retention is not None:
        _check_retention(engine, retention, every)
    return _default_options if options == _default_options else options


def _check_retention(engine: PersistenceEngine, retention: Retention, every: int | None) -> None:
    if not isinstance(retention, Retention):
        raise TypeError(f"retention must be a Retention, not {retention!r}")
    if every is None:
        raise ValueError("retention needs snapshot_every: without snapshots every event is needed")
    if type(retention.snapshots) is not int or retention.snapshots < 1:
        raise ValueError(f"retention must keep a number of snapshots, an int from 1, not {retention.snapshots!r}")
    if retention.delete_events and not isinstance(engine, EventDeletion):
        raise ValueError(f"retention with delete_events needs an engine that can delete events, which {engine!r} can't")
