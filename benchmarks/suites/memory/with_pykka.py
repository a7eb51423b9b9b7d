"""The subject: actors of pykka, each of which is a thread."""

from __future__ import annotations

from typing import Any

import pykka

from benchmarks.load import MESSAGE
from benchmarks.measuring import memory_now
from benchmarks.model import Run


class _Idle(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        """Does nothing."""


def actor(run: Run) -> float:
    """Bytes of an actor: what its thread has touched of its stack, and the rest."""
    _Idle.start().ask(MESSAGE, timeout=5)
    before = memory_now()
    for _ in range(run.n):
        _Idle.start().ask(MESSAGE, timeout=5)
    weight = (memory_now() - before) / run.n
    pykka.ActorRegistry.stop_all()
    return weight
