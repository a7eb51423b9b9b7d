"""Makes sure that a statement that was given up takes no effect later.

A client that gives a statement up doesn't take it back: it may wait for a lock at the server, or in a buffer on the way
to it. So each session that writes holds an advisory lock on a number of its own, its *mark*. Before the engine does
anything else after it gave a statement up, it ends the backend that holds the mark. Once nothing holds it, the
transaction of that backend is over, and what arrives for it later has no receiver.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable

from nact_persistence_postgres._connections.connection import Connection

_PAUSE = 0.01
_MARK_BITS = 62

_END_HOLDERS = """
SELECT (l.classid::bigint << 32) | l.objid::bigint, pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'advisory' AND l.objsubid = 1
AND ((l.classid::bigint << 32) | l.objid::bigint) = ANY(string_to_array($1::text, ',')::bigint[])
"""


def new_mark() -> int:
    """A number that no other session has."""
    return secrets.randbits(_MARK_BITS)


async def take_mark(mark: int, connection: Connection) -> None:
    """Marks the session until its connection is reset."""
    await connection.execute(f"SELECT pg_advisory_lock({mark})")


class Fence:
    """The marks of sessions whose statement was given up and may still take effect."""

    def __init__(self) -> None:
        self._marks: set[int] = set()

    @property
    def is_needed(self) -> bool:
        """Whether a statement that was given up may still take effect."""
        return bool(self._marks)

    def give_up(self, mark: int) -> None:
        """Notes a session that ended without an answer to its last statement."""
        self._marks.add(mark)

    @property
    def marks(self) -> frozenset[int]:
        return frozenset(self._marks)

    def close(self, marks: Iterable[int]) -> None:
        """Forgets sessions that are over."""
        self._marks.difference_update(marks)


async def end_holders(connection: Connection, marks: Iterable[int]) -> int:
    """Tells the backends that hold these marks to end. Returns how many there still are."""
    return len(await connection.fetch(_END_HOLDERS, ",".join(map(str, marks))))


async def pause() -> None:
    """Gives backends time to end."""
    await asyncio.sleep(_PAUSE)
