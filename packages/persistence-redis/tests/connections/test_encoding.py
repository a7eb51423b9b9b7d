"""Commands are encoded alike with and without hiredis."""

from __future__ import annotations

import asyncio
import runpy
import sys
from uuid import uuid4

import hiredis
import pytest

from nact_conformance.containers import RedisStorage
from nact_persistence_redis._connections import encoding

COMMANDS = [
    ("PING",),
    ("SET", b"key", "Zo\u00eb \U0001f642", 12, -1, b"\x00\r\n", "", b""),
    ("XADD", "s", 2**63 - 1, b"x" * 100_000),
]
WITHOUT_HIREDIS = """
import asyncio, sys
sys.modules["hiredis"] = None
from nact.persistence import PersistedEvent
from nact_persistence_redis import engine_from_url
from redis.utils import HIREDIS_AVAILABLE

async def main(url, key):
    assert not HIREDIS_AVAILABLE
    events = [PersistedEvent(key=key, sequence_number=n, data={"n": n, "text": "\u20ac"}) for n in range(1, 201)]
    async with engine_from_url(url) as engine:
        await asyncio.gather(*[engine.persist(event) for event in events])
        assert [event async for event in engine.events(key)] == events
    print("stored and read")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_packed_alike_without_hiredis(monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    plain = runpy.run_path(encoding.__file__)["pack_command"]
    assert plain(command) == hiredis.pack_command(command)  # type: ignore[arg-type]


@pytest.mark.anyio
@pytest.mark.parametrize("protocol", [2, 3])
async def test_the_engine_works_without_hiredis(server: RedisStorage, protocol: int) -> None:
    arguments = ("-c", WITHOUT_HIREDIS, f"{server.bare_url}?protocol={protocol}", str(uuid4()))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=pipe, stderr=pipe)
    told, errors = await process.communicate()
    assert told.decode().strip() == "stored and read", errors.decode()
