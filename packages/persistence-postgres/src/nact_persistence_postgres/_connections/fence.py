"""Makes sure that a statement that was given up takes no effect later.

A client that gives a statement up doesn't take it back: it may wait for a lock at the server, or in a buffer on the way
to it. So every session that writes holds an advisory lock on a number of its own, its *mark*. Before the engine
does anything else after a statement was given up, it ends the backend that holds the mark. Once nothing holds it, the
transaction of that backend is over, and what arrives for it later has no receiver.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

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


class Fence:
    """The marks of sessions whose statement was given up, and what ends them."""

    def __init__(self) -> None:
        self._marks: set[int] = set()

    @property
    def is_needed(self) -> bool:
        """Whether something that was given up may still take effect."""
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


@dataclass(slots=True, frozen=True)
class Limits:
    """What the server is told about a session or a transaction of the engine.

    The server ends what takes too long a little earlier than the client gives it up: then the outcome is known. Limits
    that the role or the database has are kept where they are stricter. A commit waits for its disk at least.

    Attributes:
        seconds: After how long the client gives up.
    """

    seconds: float

    def for_session(self, mark: int) -> str:
        """SQL that sets the limits of a session, and takes its mark. Tells first whether commits wait for standbys."""
        waits = "current_setting('synchronous_standby_names') <> ''"
        return f"SELECT {waits}, pg_advisory_lock({mark}), {self._settings(local=False)}"

    def for_transaction(self, mark: int | None) -> str:
        """SQL that begins a transaction with these limits; with its mark, if it writes."""
        if mark is None:
            return "BEGIN"
        return f"BEGIN; SELECT pg_advisory_xact_lock({mark}), {self._settings(local=True)}"

    def _settings(self, *, local: bool) -> str:
        values = {
            "lock_timeout": self._at_most("lock_timeout", 0.8),
            "statement_timeout": self._at_most("statement_timeout", 0.9),
            "idle_in_transaction_session_timeout": self._at_most("idle_in_transaction_session_timeout", 1.0),
            "synchronous_commit": _unless("synchronous_commit", ("off", "local"), "on"),
            # A warning tells that a commit didn't wait for its standby.
            "client_min_messages": _unless("client_min_messages", ("error", "fatal", "panic"), "warning"),
        }
        return ", ".join(
            f"set_config('{name}', {value}, {'true' if local else 'false'})" for name, value in values.items()
        )

    def _at_most(self, name: str, share: float) -> str:
        limit = f"{max(1, int(self.seconds * share * 1000))}ms"
        current = f"current_setting('{name}')"
        return (
            f"CASE WHEN {current}::interval BETWEEN interval '1 microsecond' AND interval '{limit}' "
            f"THEN {current} ELSE '{limit}' END"
        )


def _unless(name: str, weak: tuple[str, ...], instead: str) -> str:
    current = f"current_setting('{name}')"
    refused = ", ".join(f"'{value}'" for value in weak)
    return f"CASE WHEN {current} IN ({refused}) THEN '{instead}' ELSE {current} END"
