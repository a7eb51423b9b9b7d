"""The servers that the tests of one process share."""

from __future__ import annotations

from nact_conformance.containers import PostgresStorage, image

_QUERY = "?schema=laws"

OLDEST = PostgresStorage(image("TEST_POSTGRES_OLD_IMAGE"), query=_QUERY)
NEWEST = PostgresStorage(image("TEST_POSTGRES_IMAGE"), query=_QUERY)
