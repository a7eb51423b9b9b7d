"""The server that everybody writes to and reads from."""

from __future__ import annotations

import os

from benchmarks.model import NotHereError

VARIABLE = "NACT_BENCHMARKS_MONGO"


def url() -> str:
    """Where the server is: a replica set, so that a majority and its journal can confirm.

    Raises:
        NotHereError: There is none.
    """
    if VARIABLE not in os.environ:
        raise NotHereError(f"{VARIABLE} names no server")
    return os.environ[VARIABLE]
