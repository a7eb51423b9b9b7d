"""The program: it prints what OpenTelemetry hears, and remembers what it did."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(journal: Path) -> list[str]:
    """What the program prints, by lines."""
    command = [sys.executable, "-m", "observability", f"sqlite:///{journal}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def spans(lines: list[str], name: str) -> list[dict[str, Any]]:
    """The attributes of the spans of one name."""
    return [json.loads(line[line.index("{") :]) for line in lines if line.startswith("span") and f"  {name} " in line]


def metric(lines: list[str], name: str) -> str:
    """The last figure of a metric."""
    *_, line = [line for line in lines if line.split()[:2] == ["metric", name]]
    return line.split(maxsplit=2)[2].partition("  {")[0]


def test_it_prints_a_span_for_each_thing_that_takes_a_while(tmp_path: Path) -> None:
    lines = run(tmp_path / "tills.db")
    assert len(spans(lines, "pay")) == len(spans(lines, "nact query")) == 6
    persisted = [tuple(span.values())[:2] for span in spans(lines, "nact persist")]
    assert sorted(persisted) == [(till, number) for till in ("left", "right") for number in (1, 2, 3)]
    assert len(spans(lines, "nact snapshot")) == 2
    assert len(spans(lines, "nact recover")) == 2


def test_the_spans_of_one_payment_are_one_trace(tmp_path: Path) -> None:
    traces: dict[str, dict[str, tuple[str, str]]] = {}
    for line in run(tmp_path / "tills.db"):
        if line.startswith("span"):
            _, trace, span, _, parent, *name, _, _ = line.partition("{")[0].split()
            traces.setdefault(trace, {})[" ".join(name)] = span, parent
    payments = [spans for spans in traces.values() if "pay" in spans]
    assert len(payments) == 6
    for spans_ in payments:
        assert spans_["nact persist"][1] == spans_["nact query"][0]
        assert spans_["nact query"][1] == spans_["pay"][0]


def test_it_prints_the_metrics_in_the_end(tmp_path: Path) -> None:
    lines = run(tmp_path / "tills.db")
    assert metric(lines, "nact.persist.duration").startswith("6 x ")
    assert metric(lines, "nact.query.duration").endswith(" s")
    assert metric(lines, "nact.dead_letters") == "1 {message}"
    assert metric(lines, "nact.group_commit.batch.size").endswith(" {write}")


def test_it_prints_what_waits_in_mailboxes_while_it_waits(tmp_path: Path) -> None:
    lines = run(tmp_path / "tills.db")
    assert metric(lines, "nact.actor.count") == "2 {actor}"
    assert metric(lines, "nact.mailbox.length") == "6 {message}"
    assert metric(lines, "nact.mailbox.longest") == "3 {message}"


def test_run_again_it_recovers_from_its_snapshots(tmp_path: Path) -> None:
    _ = run(tmp_path / "tills.db")
    for span in spans(run(tmp_path / "tills.db"), "nact recover"):
        assert span["nact.persistence.snapshot_sequence_number"] == span["nact.persistence.sequence_number"] == 3
