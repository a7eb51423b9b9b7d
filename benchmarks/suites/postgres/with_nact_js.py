"""The subjects: nact for JavaScript with its own engine, on the tables that ours made."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks import nact_js
from benchmarks.model import Run
from benchmarks.suites.postgres import tables

ENGINE = "nact-persistence-postgres@8.0.1"


async def _writing(case: str, run: Run) -> float:
    async with tables.empty(run) as schema:
        return await asyncio.to_thread(_figure, case, run, schema)


def _reading(case: str, run: Run) -> float:
    return _figure(case, run, tables.FULL)


def _figure(case: str, run: Run, schema: str) -> float:
    return nact_js.figure("postgres.js", case, run.n, run.server, schema, packages=[ENGINE])


persist_by_one = partial(_writing, "persist-by-one")
persist_by_many = partial(_writing, "persist-by-many")
recover = partial(_reading, "recover")
memory_of_recovery = partial(_reading, "memory-of-recovery")
