"""The contacts process, as seen by the demo that starts and kills it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from threading import Timer
from types import TracebackType
from typing import Any, Literal, Self, cast

import msgspec

from contacts.demo.reports import Report

_decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(cast(Any, Report))


class ContactsProcess:
    """A process that runs the contacts service. It never outlives its `with` block."""

    def __init__(self, what: Literal["read", "write"], url: str, seed: object, users: Sequence[str]) -> None:
        self._arguments = [sys.executable, "-m", "contacts.demo.writer", what, url, str(seed), *users]
        self._timer: Timer | None = None
        self.was_killed = False
        """Whether it was alive when it was killed."""

    def __enter__(self) -> Self:
        # In a session of its own, so that Ctrl-C interrupts the demo alone; that kills this process on its way out.
        self._process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._process.kill()
        with self._process:  # closes the pipe, and waits
            pass

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def reports(self) -> Iterator[Report]:
        """What it reports, as it comes, until it ends; what it had reported before it was killed included."""
        assert self._process.stdout is not None  # noqa: S101 - so the type checker knows
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # or it died while it wrote this
                yield _decoder.decode(line)

    def kill_in(self, seconds: float) -> None:
        """Kills it (SIGKILL), at that moment, whatever it is doing then."""
        if self._timer is None:
            self._timer = Timer(seconds, self._kill)
            self._timer.daemon = True
            self._timer.start()

    def exit_status(self) -> int:
        """Its exit status, when it has ended."""
        return self._process.wait()

    def _kill(self) -> None:
        self.was_killed = self._process.poll() is None
        self._process.kill()
