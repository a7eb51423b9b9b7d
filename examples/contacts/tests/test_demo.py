"""The demo: what it says, and that it says so only when it is true."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contacts import Contact
from contacts.demo.comparison import Comparison, compare, missing, table, verdict

ADA, GRACE, RADIA = (Contact(id=name.lower(), name=name) for name in ("Ada", "Grace", "Radia"))

# A test run in the background ignores Ctrl-C, and so would what it starts.
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("contacts.demo", run_name="__main__", alter_sys=True)
"""


def demo(journal: object, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "contacts.demo", "--journal", str(journal), "--seconds", "0.3", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- all of it --------------------------------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_and_a_second_run_goes_on_from_the_first(tmp_path: Path) -> None:
    known = 0
    for _ in range(2):
        ran = demo(tmp_path / "a journal#1.db", "--users", "3")
        assert ran.returncode == 0, ran.stderr
        *_, last = ran.stdout.splitlines()
        assert last.startswith("Nothing acknowledged was lost: all ")
        count = int(last.split()[5])
        assert count > known
        rows = [line.split() for line in ran.stdout.splitlines() if line.startswith(("ada ", "barbara ", "edsger "))]
        before = sum(int(row[1]) for row in rows)
        in_flight = sum(int(row[3]) for row in rows)
        assert known <= before <= known + 3  # what was in flight was there, too
        assert sum(int(row[4]) for row in rows) == count + in_flight
        known = count


def test_a_journal_that_dies_with_its_process_fails_the_demo() -> None:
    ran = demo("memory://", "--users", "2")
    *_, last = ran.stdout.splitlines()
    assert ran.returncode == 1
    assert last.startswith("LOST: ")


def test_a_process_that_ends_by_itself_fails_the_demo(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    journal.write_text("This is not a database, and much longer than an empty file.\n" * 100)
    ran = demo(journal)
    assert ran.returncode == 1
    assert "isn't a SQLite database" in ran.stderr
    assert ran.stderr.splitlines()[-1] == "The process ended by itself, with exit status 1."


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_demo_that_is_interrupted_leaves_no_process_behind(tmp_path: Path, how: int, status: int) -> None:
    command = [sys.executable, "-c", INTERRUPTIBLE, "--journal", str(tmp_path / "journal.db"), "--seconds", "60"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert any("acknowledged" in line for line in process.stdout)
        os.killpg(process.pid, how)  # a terminal, too, interrupts all processes of the group
        # stderr ends when nobody has it any more: not the demo, and not what it started.
        _, errors = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in errors


@pytest.mark.parametrize("option", [("--users", "0"), ("--seconds", "0"), ("--seconds", "nan"), ("--seconds", "x")])
def test_an_option_that_cannot_be_is_named(tmp_path: Path, option: tuple[str, str]) -> None:
    ran = demo(tmp_path / "journal.db", *option)
    assert ran.returncode == 2
    assert option[0] in ran.stderr.splitlines()[-1]


# --- the comparison ---------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_lost_whatever_its_order() -> None:
    assert compare("ada", [ADA], [GRACE, RADIA], [RADIA, ADA, GRACE]) == Comparison("ada", 1, 2, 3, 0, [])


def test_what_nobody_acknowledged_was_in_flight() -> None:
    assert compare("ada", [], [ADA], [ADA, GRACE]) == Comparison("ada", 0, 1, 2, 1, [])


def test_what_was_acknowledged_and_is_not_there_is_lost() -> None:
    assert compare("ada", [], [ADA, GRACE], [ADA]).lost == [GRACE]


def test_what_was_there_before_and_is_not_any_more_is_lost() -> None:
    assert compare("ada", [ADA], [], []).lost == [ADA]


def test_a_contact_that_has_changed_is_lost() -> None:
    changed = Contact(id=GRACE.id, name="Somebody else")
    assert compare("ada", [], [GRACE], [changed]).lost == [GRACE]


def test_what_was_in_flight_does_not_make_up_for_what_was_lost() -> None:
    assert compare("ada", [], [ADA, GRACE], [ADA, RADIA]) == Comparison("ada", 0, 2, 2, 1, [GRACE])


def test_the_table_is_aligned() -> None:
    rows = table([Comparison("ada", 1, 20, 22, 1, []), Comparison("constantinople", 0, 1234, 1234, 0, [])]).splitlines()
    assert rows == [
        "user            there before  acknowledged  in flight  recovered  lost",
        "ada                        1            20          1         22     0",
        "constantinople             0          1234          0       1234     0",
    ]


def test_the_verdict_counts_and_names_what_was_lost() -> None:
    comparisons = [compare("ada", [ADA], [GRACE], [ADA]), compare("bob", [], [RADIA], [RADIA])]
    assert verdict(comparisons) == "LOST: 1 of 3 acknowledged contacts."
    assert missing(comparisons) == "ada: Grace (grace)\n"


def test_the_verdict_counts_what_is_there() -> None:
    comparisons = [compare("ada", [ADA], [GRACE], [ADA, GRACE, RADIA])]
    assert verdict(comparisons) == "Nothing acknowledged was lost: all 2 contacts are there."
    assert not missing(comparisons)
