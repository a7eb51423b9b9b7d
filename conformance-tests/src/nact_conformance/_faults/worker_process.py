"""Other processes, as the laws handle them: given orders, listened to, killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import msgspec

from nact.persistence import PersistedEvent
from nact_conformance._trying.history import NUMBERS, BrokenLawError, History, name_numbers

STARTING = 60.0
"""Seconds that a process may take to start, at least."""


class WorkerProcess:
    """A process with an engine of its own (`nact_conformance._faults.worker`)."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, errors: Path, history: History, timeout: float
    ) -> None:
        self.name = name
        self._process = process
        self._errors = errors
        self._history = history
        self._timeout = timeout
        self._pace = 0.0

    @classmethod
    async def start(
        cls, name: str, *, factory: str, url: str, folder: Path, history: History, timeout: float
    ) -> WorkerProcess:
        """Starts a process with this one's import path. Await `ready` before you give orders that are to race."""
        errors = folder / f"{name.replace(' ', '-')}.stderr"
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nact_conformance._faults.worker", factory, url),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr, limit=2**24,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)},
            )  # fmt: skip
        return cls(name, process, errors, history, timeout)

    async def ready(self) -> None:
        """Returns when the process waits for orders. The time that Python takes to start isn't the engine's."""
        await self.answer(max(self._timeout, STARTING))

    def order(self, do: str, **what: object) -> None:
        """Sends an order, and doesn't wait for the answer."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")

    def order_persist(self, event: PersistedEvent) -> None:
        """Orders this very event to be persisted."""
        self.order("persist", event=msgspec.to_builtins(event))

    async def answer(self, timeout: float | None = None) -> dict[str, Any]:
        """The next answer, within the time that a call on an engine may take, unless another is given.

        Raises:
            BrokenLawError: If the process ended or says nothing for long.
        """
        answer = await self._next_line(timeout or self._timeout)
        if answer is None:
            told = self._errors.read_text(errors="replace").strip()[-2_000:]
            raise BrokenLawError(
                "an engine works in any process", f"{self.name} ended by itself: {told or 'it said nothing'}"
            )
        self._note(answer)
        return answer

    async def acked(self, count: int) -> list[dict[str, Any]]:
        """The next `count` acknowledgements."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answers = [await self.acknowledgement() for _ in range(count)]
        self._pace = (loop.time() - began) / count
        return answers

    async def acknowledgement(self) -> dict[str, Any]:
        """The next answer, which must be an acknowledgement.

        Raises:
            BrokenLawError: If it is an error.
        """
        answer = await self.answer()
        if "error" in answer:
            happened = f"{self.name} got {answer['error']}: {answer['text']}"
            raise BrokenLawError("what another process orders is acknowledged", happened)
        return answer

    async def kill_at_work(self) -> list[dict[str, Any]]:
        """Like `kill`, at a random moment of its next calls: right after an acknowledgement it would be between two."""
        await asyncio.sleep(2 * self._pace * random.random())  # noqa: S311
        return await self.kill()

    async def kill(self) -> list[dict[str, Any]]:
        """Ends the process with SIGKILL, now. Returns the acknowledgements that weren't read yet."""
        if self._process.returncode is None:
            self._process.kill()
        return await self.death()

    async def death(self) -> list[dict[str, Any]]:
        """Returns when the process has died: the acknowledgements that weren't read yet."""
        unheard = []
        while (answer := await self._next_line(self._timeout)) is not None:
            unheard.append(answer)
        await self._process.wait()
        for answer in unheard:
            self._note(answer)
        self._history.add(self.name, "SIGKILL", "", "dead")
        return [answer for answer in unheard if "acked" in answer]

    def _note(self, answer: dict[str, Any]) -> None:
        if "acked" in answer:
            self._history.add(self.name, f"wrote {NUMBERS}", name_numbers(answer["acked"]), "acknowledged")
        elif "error" in answer:
            self._history.add(self.name, "the order", "", f"{answer['error']}: {answer['text']}")
        elif "numbers" in answer:
            self._history.add(self.name, "events", "", name_numbers(answer["numbers"]))
        elif "done" in answer:
            self._history.add(self.name, "the order", "", "done")

    async def _next_line(self, timeout: float) -> dict[str, Any] | None:
        if self._process.stdout is None:
            return None
        try:
            async with asyncio.timeout(timeout):
                line = await self._process.stdout.readline()
        except TimeoutError:
            happened = f"{self.name} said nothing for {timeout:g} s"
            raise BrokenLawError("an engine in another process returns or raises in the end", happened) from None
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer
