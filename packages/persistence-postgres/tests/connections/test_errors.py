from __future__ import annotations

import asyncpg

from nact_persistence_postgres._connections.errors import keeps_connection, may_pass


def test_an_operation_that_a_broken_connection_left_half_done_is_tried_again_on_another_one() -> None:
    half_done = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    assert may_pass(half_done)
    assert not keeps_connection(half_done)
