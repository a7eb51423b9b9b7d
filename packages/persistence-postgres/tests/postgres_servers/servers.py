"""The servers that the tests of one process share."""

from __future__ import annotations

from nact_conformance.containers import PgBouncerStorage, PostgresStorage, image

# One engine has the patience that every engine has; the laws of a server that can't be reached wait for it to give up.
_QUERY = "?schema=laws&retry_for=0.5"

OLDEST = PostgresStorage(image("TEST_POSTGRES_OLD_IMAGE"), query="?schema=laws")
NEWEST = PostgresStorage(image("TEST_POSTGRES_IMAGE"), query=_QUERY)
POOLED = PgBouncerStorage(PostgresStorage(image("TEST_POSTGRES_IMAGE")), query=_QUERY)
