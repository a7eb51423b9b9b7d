"""The subjects: actors of nact for JavaScript."""

from __future__ import annotations

from functools import partial

from benchmarks import nact_js
from benchmarks.model import Run


def _figure(case: str, run: Run) -> float:
    return nact_js.figure("actors.js", case, run.n)


one_way = partial(_figure, "one-way")
ping_pong = partial(_figure, "ping-pong")
fan_out = partial(_figure, "fan-out")
query_one = partial(_figure, "query-one")
query_at_once = partial(_figure, "query-at-once")
suspending = partial(_figure, "suspending")
