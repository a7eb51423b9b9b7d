"""The servers that the tests of one process share."""

from __future__ import annotations

from nact_conformance.containers import PgBouncerStorage, PostgresStorage, image

# The law of the killed server ends when a write fails, and an engine that waits for long enough lets none fail.
_QUERY = "?schema=laws&reconnect_timeout=0.2"

OLDEST = PostgresStorage(image("TEST_POSTGRES_OLD_IMAGE"), query=_QUERY)
NEWEST = PostgresStorage(image("TEST_POSTGRES_IMAGE"), query=_QUERY)
POOLED = PgBouncerStorage(PostgresStorage(image("TEST_POSTGRES_IMAGE")), query=_QUERY)
