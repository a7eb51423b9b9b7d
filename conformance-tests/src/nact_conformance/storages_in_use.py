"""Starts storages for laws, each once for a whole test session, and stops them at its end."""

from __future__ import annotations

from nact_conformance.storage import ServerStorage, Storage

_started: list[Storage] = []


def use(storage: Storage) -> None:
    """Starts the storage, and returns when it accepts work. `stop_all` stops it."""
    storage.start()
    if storage not in _started:
        _started.append(storage)


def heal(storage: ServerStorage) -> None:
    """Undoes what a test did to the server: returns when it runs, and can be reached."""
    storage.resume()
    storage.start()
    storage.proxy.disarm()
    storage.reconnect()


def stop_all() -> None:
    """Stops every storage that was started."""
    while _started:
        _started.pop().stop()
