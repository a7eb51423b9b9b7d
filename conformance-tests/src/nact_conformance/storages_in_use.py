"""The storages that were started for laws: each once for a whole test session, and stopped at its end."""

from __future__ import annotations

from nact_conformance.storage import ServerStorage, Storage

_started: list[Storage] = []


def use(storage: Storage) -> None:
    """Returns when the storage accepts work; it is stopped by `stop_all`."""
    storage.start()
    if storage not in _started:
        _started.append(storage)


def heal(storage: ServerStorage) -> None:
    """Returns when the server is as a test that harms it has to leave it: running, and reached."""
    storage.resume()
    storage.start()
    storage.proxy.disarm()
    storage.reconnect()


def stop_all() -> None:
    """Stops every storage that was started."""
    while _started:
        _started.pop().stop()
