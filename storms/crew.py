"""The processes of a storm: started, killed and replaced, and asked to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from storms.ledger import lines

PATIENCE = 120.0
"""Seconds in which a process ends that is asked to."""


ENDED = (0, -signal.SIGTERM)
"""How processes may end: one that has just been started doesn't listen to SIGTERM yet."""

_LOOK = 0.1


class Crew:
    """Writers and readers of the same keys.

    Args:
        url: Of their journal.
        folder: For the side log, and for what processes say.
        seed: Decides what they do.
        keys: What they work on.
        tasks: The task of each process, `write` or `read`.
    """

    def __init__(self, url: str, folder: Path, seed: str, keys: Sequence[str], tasks: Sequence[str]) -> None:
        self.log = folder / "ledger.jsonl"
        self._url = url
        self._folder = folder
        self._seed = seed
        self._keys = keys
        self._tasks = tasks
        self._started = 0
        self._processes: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}

    def __enter__(self) -> Self:
        for task in self._tasks:
            self._start(task)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.pids():
            self._kill(pid)

    def pids(self) -> list[int]:
        """The processes that are there."""
        return list(self._processes)

    def await_work(self) -> None:
        """Returns when each process has begun: the first faults are for those that work.

        Raises:
            RuntimeError: One ended, or does nothing.
        """
        idle = {f"{task}-{number}" for number, task in enumerate(self._tasks, start=1)}
        give_up = time.monotonic() + PATIENCE
        while idle:
            if time.monotonic() > give_up or any(process.poll() is not None for _, process in self._processes.values()):
                raise RuntimeError(f"of the processes, {', '.join(sorted(idle))} did nothing; see {self._folder}")
            time.sleep(_LOOK)
            idle -= {line["by"] for line in lines(self.log)}

    def replace(self, pid: int) -> None:
        """Ends a process with SIGKILL, and starts another one that does the same."""
        self._start(self._kill(pid))

    def end(self) -> list[str]:
        """Asks all processes to end. Returns what was wrong with those that failed, or didn't."""
        for _, process in self._processes.values():
            process.terminate()
        return self._await_ends()

    def recover(self) -> list[str]:
        """Spawns an actor of each key, in a new process, and has their states written down. Returns what was wrong."""
        self._start("recover")
        return self._await_ends()

    def _await_ends(self) -> list[str]:
        wrong = []
        for pid, (task, process) in list(self._processes.items()):
            try:
                status = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                wrong.append(f"process {pid} ({task}) doesn't end: {PATIENCE:g} s after it should, it works on")
                self._kill(pid)
                continue
            del self._processes[pid]
            if status not in ENDED:
                wrong.append(f"process {pid} ({task}) ended with status {status}; see {self._folder}")
        return wrong

    def _start(self, task: str) -> None:
        self._started += 1
        name = f"{task}-{self._started}"
        command = [sys.executable, "-m", "storms.writers", task, self._url, str(self.log), name, f"{self._seed}-{name}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with (self._folder / f"{name}.stderr").open("wb") as errors:
            process = subprocess.Popen([*command, *self._keys], stderr=errors, env=environment)
        self._processes[process.pid] = task, process

    def _kill(self, pid: int) -> str:
        task, process = self._processes.pop(pid)
        process.kill()
        process.wait()
        return task
