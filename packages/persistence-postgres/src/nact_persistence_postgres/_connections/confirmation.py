"""Makes sure that what was read is as durable as what is written."""

from __future__ import annotations

from nact_persistence_postgres._connections.connection import Connection

CONFIRM = "SELECT pg_logical_emit_message(true, 'nact', '')"
"""Writes a few bytes to the log and nothing else, in a transaction of its own.

Its commit waits for disks and standbys as that of a write does, and so for all commits before it. An acknowledgement
that rests on a read has to wait for this: a SELECT sees rows that no standby has yet.
"""


async def confirm(connection: Connection) -> None:
    """Returns when everything that could be read on this connection is durable: see `CONFIRM`.

    It has to be the connection that read it: after a failover, another server knows nothing of what only the first had.
    """
    await connection.execute(CONFIRM)
