"""The faults of a storm, one at a time, each undone before the next."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from storms.crew import Crew
from storms.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How hard a storm blows, in seconds.

    Attributes:
        lasts: A round.
        calm: The longest time between two faults.
        freeze: The longest that a process or a server stands still.
    """

    lasts: float
    calm: float
    freeze: float


LONG = Strength(lasts=75, calm=4, freeze=26)
SHORT = Strength(lasts=6, calm=0.8, freeze=1.5)


class Nemesis:
    """Does harm to processes, their server and the line between them.

    Args:
        place: Where the server is.
        crew: The processes.
        random_: Decides what comes next.
        strength: Of the storm.
    """

    def __init__(self, place: Place, crew: Crew, random_: random.Random, strength: Strength) -> None:
        self._place = place
        self._crew = crew
        self._random = random_
        self._strength = strength

    def rage(self) -> Iterator[str]:
        """Brings fault after fault until the round is over. Tells each before it comes."""
        end = time.monotonic() + self._strength.lasts
        faults = dict(self._faults())
        while time.monotonic() < end:
            self._wait(self._random.uniform(0, self._strength.calm))
            name = self._random.choice(list(faults))
            yield name
            faults[name]()

    def fail_over(self) -> Iterator[str]:
        """The standby takes over, under load; then it is calm for a while. Tells what comes.

        Before that, the standby is away, and the server restarts or its sessions are killed: what is acknowledged now
        because it was found on the server alone is lost.
        """
        if (server := self._place.server) is None or (standby := self._place.standby) is None:
            return
        last: dict[str, Callable[[], object]] = {"the server is killed and restarted": server.restart}
        if self._place.kill_sessions is not None:
            last["sessions are killed"] = self._place.kill_sessions
        name = self._random.choice(list(last))
        yield f"the standby is away, and {name}"
        standby.kill()
        self._wait(self._strength.calm)  # writes begin to wait for the standby
        last[name]()
        self._wait(self._strength.calm)
        yield "the server is lost, and the standby takes over"
        self._place.fail_over()
        self._wait(self._strength.calm)

    def _faults(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "a process is killed", self._kill_process
        yield "a process is frozen", self._freeze_process
        if (server := self._place.server) is not None:
            yield "the server is killed and restarted", server.restart
            yield "the server is frozen", self._freeze_server
        if (line := self._place.line) is not None:
            yield "connections are cut", line.cut
            yield "connections fall silent", line.silence
        if (kill_sessions := self._place.kill_sessions) is not None:
            yield "sessions are killed", kill_sessions
        if (standby := self._place.standby) is not None:
            yield "the standby is away while the server restarts", self._restart_without_standby
            yield "the standby is restarted", standby.restart

    def _kill_process(self) -> None:
        self._crew.replace(self._random.choice(self._crew.pids()))

    def _freeze_process(self) -> None:
        pid = self._random.choice(self._crew.pids())
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self._wait_frozen()
            os.kill(pid, signal.SIGCONT)

    def _freeze_server(self) -> None:
        if (server := self._place.server) is not None:
            server.pause()
            self._wait_frozen()
            server.resume()

    def _restart_without_standby(self) -> None:
        if (server := self._place.server) is not None and (standby := self._place.standby) is not None:
            standby.kill()
            self._wait(self._strength.calm / 2)  # writes wait for the standby
            server.restart()
            self._wait(self._strength.calm)
            if self._place.kill_sessions is not None:
                self._place.kill_sessions()
            standby.start()

    def _wait_frozen(self) -> None:
        # Now and then for the whole time, which is longer than engines wait; mostly for less.
        self._wait(self._strength.freeze * self._random.choice((0.1, 0.3, 1)))

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
