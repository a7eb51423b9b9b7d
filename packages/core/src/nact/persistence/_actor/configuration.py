"""`configure_persistence`, and the object that all persistent actors of a system share."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from nact._runtime.observing import Observer
from nact.errors import KeyInUseError
from nact.persistence._engine_methods import check_methods
from nact.persistence._protocol import check_protocol
from nact.persistence.engine import PersistenceEngine, SnapshotStore
from nact.references import ActorRef
from nact.system import ActorSystem, Plugin


class Writer(Protocol):
    """The cell that writes to a key."""

    @property
    def ref(self) -> ActorRef[Any]: ...

    @property
    def is_stopping(self) -> bool: ...

    @property
    def journal(self) -> Any: ...


class Persistence:
    """Shared by the persistent actors of one system: the engine, the writer of each key, the limit of recoveries."""

    def __init__(self, engine: PersistenceEngine, max_recoveries: int, observer: Observer | None = None) -> None:
        self.engine = engine
        self.snapshot_store = engine if isinstance(engine, SnapshotStore) else None  # once, since isinstance takes 5 us
        self.observer = observer
        self.recoveries = asyncio.Semaphore(max_recoveries)
        self.failed_snapshots = 0
        """The number of snapshots that couldn't be taken or read, and were logged."""
        self._writers: dict[str, Writer] = {}

    def snapshot_failed(self) -> None:
        """Counts a snapshot that couldn't be taken or read."""
        self.failed_snapshots += 1
        if self.observer is not None:
            self.observer.snapshot_failed()

    def check_free(self, key: str) -> None:
        """Raises `KeyInUseError` if a living actor of this system writes to the key."""
        writer = self._writers.get(key)
        if writer is not None and not writer.is_stopping:
            raise KeyInUseError(
                f"{writer.ref.path} already writes to the persistence key {key!r}; a key has one actor at a time"
            )

    def claim(self, key: str, cell: Writer) -> Writer | None:
        """Makes the cell the writer of the key. Returns the previous one, if it is still stopping."""
        before = self._writers.get(key)
        self._writers[key] = cell
        return before

    def release(self, key: str, cell: Writer, predecessor: Writer | None) -> None:
        """Called when the cell has ended. Its predecessor, if given, hasn't, and counts as the writer again."""
        if self._writers.get(key) is not cell:
            return
        if predecessor is None:
            del self._writers[key]
        else:
            self._writers[key] = predecessor


def configure_persistence(engine: PersistenceEngine, *, max_recoveries: int = 64, close: bool = True) -> Plugin:
    """A plugin for `start`: the system's persistent actors store their events with `engine`.

    `async with start(configure_persistence(engine))` opens the engine, and closes it after the last actor has ended.

    Args:
        engine: The persistence engine.
        max_recoveries: The number of actors that may recover at once; the others wait. An actor whose handler waits
            while it recovers (it asks another actor, say) doesn't count meanwhile.
        close: Whether the system opens and closes the engine. Give False if the engine is used elsewhere, too: then the
            caller opens and closes it.

    Raises:
        TypeError, ValueError: An argument is invalid: the engine lacks a method, say, or has one that isn't async.
        IncompatibleEngineError: The engine's package and this nact don't fit. The message says which one to upgrade.
    """
    if not isinstance(engine, PersistenceEngine):
        raise TypeError(f"engine must be a PersistenceEngine, with events and persist, not {engine!r}")
    check_methods(engine)
    check_protocol(engine)
    if type(max_recoveries) is not int or max_recoveries < 1:
        raise ValueError(f"max_recoveries must be an int from 1, not {max_recoveries!r}")

    def plugin(system: ActorSystem) -> None:
        runtime = system._runtime
        if runtime.persistence is not None:
            raise ValueError(f"{system!r} already has a persistence engine, {runtime.persistence.engine!r}")
        runtime.persistence = Persistence(engine, max_recoveries, runtime.observer)
        if close:
            runtime.resources.add(engine)

    return plugin
