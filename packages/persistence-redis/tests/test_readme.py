"""What the README says that Redis has to be told."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from nact.persistence import PersistedEvent, PersistedSnapshot
from nact_conformance.containers import RedisStorage
from nact_persistence_redis import RedisPersistenceEngine

pytestmark = pytest.mark.anyio

README = Path(__file__).parents[1] / "README.md"


async def test_the_rights_that_the_readme_lists_are_enough(server: RedisStorage, key: str) -> None:
    (rights,) = re.findall(r"^(ACL SETUSER.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    user = f"reader-{uuid4()}"
    administrator: Any
    async with Redis.from_url(server.bare_url) as administrator:
        major, minor, *_ = (await administrator.info("server"))["redis_version"].split(".")
        if (int(major), int(minor)) < (7, 2):
            rights = rights.replace("+waitaof", "")  # as the README says
        await administrator.execute_command(*shlex.split(rights.replace("SETUSER nact", f"SETUSER {user}")))
    async with RedisPersistenceEngine(server.bare_url.replace("://", f"://{user}:password@")) as engine:
        await engine.persist_all([PersistedEvent(key=key, sequence_number=number, data=1) for number in (1, 2, 3)])
        await engine.take_snapshot(PersistedSnapshot(key=key, sequence_number=2, data=1))
        await engine.delete_events(key, up_to=2)
        await engine.delete_snapshots(key, up_to=1)
        assert [event.sequence_number async for event in engine.events(key)] == [2, 3]
        assert await engine.latest_snapshot(key)
        assert [each async for each in engine.keys(prefix=key)] == [key]
