"""`python -m contacts.demo`: kills a process that writes contacts, starts it again, and shows what is left of them.

It goes on from the journal of its last run. Its last line says whether anything that was acknowledged is lost.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from urllib.parse import quote

from contacts.demo.comparison import Comparison, compare, missing, table, verdict
from contacts.demo.process import ContactsProcess
from contacts.demo.reports import Acknowledged, Found
from contacts.messages import Contact

USERS = ("ada", "barbara", "edsger", "grace", "leslie", "margaret", "radia", "tony")
INTERRUPTED = 130
PROGRESS_EVERY = 0.5  # seconds
HOUR = 3600

say = partial(print, flush=True)

Contacts = dict[str, list[Contact]]


class DemoError(Exception):
    """The demo couldn't be carried out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo. Returns 0 if nothing was lost, and else 1."""
    options = parse(arguments)
    try:
        comparisons = demonstrate(options)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the contacts process is killed.", file=sys.stderr)
        return INTERRUPTED
    say(f"\n{table(comparisons)}\n\n{missing(comparisons)}{verdict(comparisons)}")
    return 1 if any(comparison.lost for comparison in comparisons) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, from the command line."""
    parser = argparse.ArgumentParser(prog="python -m contacts.demo", description=__doc__)
    parser.add_argument("--journal", default="contacts.db", help="a SQLite file, or an engine's URL (%(default)s)")
    parser.add_argument("--users", type=int, default=5, help="how many users' contacts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to write, at most (%(default)s)")
    parser.add_argument("--seed", type=int, help="of the random names, and of the moment of the kill")
    options = parser.parse_args(arguments)
    if options.users < 1:
        parser.error(f"--users must be 1 or more, not {options.users}")
    if not 0 < options.seconds <= HOUR:
        parser.error(f"--seconds must be above 0, and an hour at most, not {options.seconds:g}")
    return options


def demonstrate(options: argparse.Namespace) -> list[Comparison]:
    """Has contacts written, kills the writer, and compares what it acknowledged with what another one recovers."""
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    users = [USERS[n] if n < len(USERS) else f"user-{n + 1}" for n in range(options.users)]
    url = journal_url(options.journal)
    say(f"Journal: {options.journal} (seed {seed})")
    moment = random.Random(seed).uniform(0.3, 1) * options.seconds  # noqa: S311 - it needn't be a secret
    before, acknowledged = write_until_killed(url, users, seed, moment)
    recovered = recover(url, users, seed)
    return [compare(user, before[user], acknowledged[user], recovered[user]) for user in users]


def journal_url(journal: str) -> str:
    """The URL of the engine: what was given, or SQLite's for a file."""
    return journal if "://" in journal else f"sqlite:///{quote(os.fsencode(journal))}"


def write_until_killed(url: str, users: Sequence[str], seed: int, moment: float) -> tuple[Contacts, Contacts]:
    """Has contacts written, and kills the writer `moment` seconds after each user has one.

    Returns:
        What was there before, and what was acknowledged.
    """
    before: Contacts = {}
    acknowledged: Contacts = {user: [] for user in users}
    progress = Progress()
    with ContactsProcess("write", url, seed, users) as process:
        say(f"Process {process.pid} writes contacts for {len(users)} users")
        for report in process.reports():
            match report:
                case Found(user, contacts):
                    before[user] = list(contacts)
                case Acknowledged(user, contact):
                    acknowledged[user].append(contact)
                    progress.one_more()
                    if all(acknowledged.values()):
                        process.kill_in(moment)
        if not process.was_killed:
            raise DemoError(f"The process ended by itself, with exit status {process.exit_status()}.")
    say(f"Process {process.pid} was killed (SIGKILL) in the middle of its writes; it had acknowledged {progress.count}")
    return before, acknowledged


def recover(url: str, users: Sequence[str], seed: int) -> Contacts:
    """What a new process finds in the journal."""
    recovered: Contacts = {}
    with ContactsProcess("read", url, seed, users) as process:
        say(f"Process {process.pid} starts on the same journal")
        for report in process.reports():
            if isinstance(report, Found):
                recovered[report.user] = list(report.contacts)
        if status := process.exit_status():
            raise DemoError(f"The process that should recover the contacts failed, with exit status {status}.")
    return recovered


class Progress:
    """Prints how many contacts were acknowledged, now and then."""

    def __init__(self) -> None:
        self.count = 0
        self._began = 0.0
        self._next = 0.0

    def one_more(self) -> None:
        """Another one was acknowledged."""
        now = time.monotonic()
        self.count += 1
        if self.count == 1:
            self._began = self._next = now
        if now >= self._next:
            say(f"{now - self._began:6.1f} s {self.count:6} acknowledged")
            self._next += PROGRESS_EVERY


if __name__ == "__main__":
    sys.exit(main())
