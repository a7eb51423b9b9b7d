"""The subjects: what others need for an idle actor."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks import nact_js
from benchmarks.measuring import memory_now
from benchmarks.model import Run


async def _read(mailbox: asyncio.Queue[object]) -> None:
    while True:
        await mailbox.get()


async def queue_task(run: Run) -> float:
    """Bytes of a task that waits for its `asyncio.Queue`."""
    before = memory_now()
    tasks = [asyncio.create_task(_read(asyncio.Queue())) for _ in range(run.n)]
    await asyncio.sleep(0.1)
    weight = (memory_now() - before) / run.n
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return weight


def _js(case: str, run: Run) -> float:
    return nact_js.figure("memory.js", case, run.n)


nact_js_actor = partial(_js, "actor")
nact_js_persistent_actor = partial(_js, "persistent-actor")
