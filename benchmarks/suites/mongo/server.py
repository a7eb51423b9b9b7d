"""The server: the one that `NACT_BENCHMARKS_MONGO` names, or one in a container of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import DockerException
from pymongo import MongoClient

from benchmarks.model import NotHereError
from nact_conformance.containers import MongoStorage

VARIABLE = "NACT_BENCHMARKS_MONGO"


@contextmanager
def running() -> Iterator[str]:
    """While the body runs there is a server, a replica set, so that a majority can confirm. This is its URL.

    Raises:
        NotHereError: There is none, and no Docker engine.
    """
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    storage = MongoStorage(replica_set=True)
    try:
        storage.start()
    except DockerException as error:
        raise NotHereError(f"there is no {VARIABLE}, and no Docker engine: {error}") from None
    try:
        yield storage.direct_url
    finally:
        storage.stop()


def versions(url: str) -> dict[str, str]:
    """The server's version, and what it waits for before it confirms a write."""
    with MongoClient[dict[str, object]](url) as client:
        return {"MongoDB": str(client.server_info()["version"]), "durability": "w: majority, j: true; one member"}
