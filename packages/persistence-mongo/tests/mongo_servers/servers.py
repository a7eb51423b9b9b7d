"""The servers that the tests of one process share."""

from __future__ import annotations

from nact_conformance.containers import MongoStorage

REPLICA_SET = MongoStorage(replica_set=True, query="&retry_for=3")
STANDALONE = MongoStorage(replica_set=False, query="&retry_for=3")
