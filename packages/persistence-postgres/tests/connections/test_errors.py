from __future__ import annotations

import asyncpg

from nact_persistence_postgres._connections.errors import keeps_connection, may_pass


def test_an_operation_cut_off_by_its_connection_is_tried_again() -> None:
    half_done = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    assert may_pass(half_done)
    assert not keeps_connection(half_done)
