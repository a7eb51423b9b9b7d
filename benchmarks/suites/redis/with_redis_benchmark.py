"""The subjects: redis-benchmark, a client in C, with a script like redis-py's that reckons the number by itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import partial
from urllib.parse import urlsplit

import msgspec

from benchmarks.load import ACTORS, MESSAGE
from benchmarks.model import NotHereError, Run
from benchmarks.suites.redis import server

APPEND = """
redis.call('XADD', KEYS[1], (redis.call('XLEN', KEYS[1]) + 1) .. '-0',
  'event_id', ARGV[1], 'created_at', ARGV[2], 'tags', '[]', 'data', ARGV[3])
return 1
"""
EVENT_ID = "6f1c7a52-1b7e-4f7b-9d5a-3c2f0f1d8e21"
CREATED_AT = "1700000000000"


_RATE = re.compile(r'","([\d.]+)"')


async def _figure(in_a_pipeline: int, fsync: str, run: Run) -> float:
    """Events a second by its own reckoning, over one connection, so many calls a round trip."""
    command = _where(run)
    options = ["-c", "1", "-n", str(run.n), "-P", str(in_a_pipeline), "-r", str(ACTORS), "--csv"]
    event = [EVENT_ID, CREATED_AT, msgspec.json.encode(MESSAGE).decode()]
    script = ["EVAL", APPEND, "1", f"{server.PREFIX}{{__rand_int__}}:events", *event]
    async with server.empty(run, fsync):
        told = subprocess.run([*command, *options, *script], capture_output=True, text=True, check=True)  # noqa: ASYNC221, S603
    rate = _RATE.search(told.stdout, told.stdout.index("\n"))  # the first line has the names of the columns
    if rate is None:
        raise ValueError(f"redis-benchmark printed {told.stdout!r}")
    return float(rate[1])


def _where(run: Run) -> list[str]:
    """How to call it: in the server's container, where there is one, or here.

    Raises:
        NotHereError: It isn't here.
    """
    if server.URL not in os.environ:
        published = ["docker", "ps", "--quiet", "--filter", f"publish={urlsplit(run.server).port}"]
        told = subprocess.run(published, capture_output=True, text=True, check=True)  # noqa: S603
        return ["docker", "exec", told.stdout.strip(), "redis-benchmark"]
    if (program := shutil.which("redis-benchmark")) is None:
        raise NotHereError("there is no redis-benchmark")
    return [program, "-u", run.server]


one_by_one = partial(_figure, 1, server.ALWAYS)
by_pipeline = partial(_figure, 100, server.ALWAYS)
by_pipeline_everysec = partial(_figure, 100, server.EVERYSEC)
