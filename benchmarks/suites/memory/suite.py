"""Which cases there are, who does them, and what nact should reach."""

from __future__ import annotations

from benchmarks.model import Case, Subject, Suite, Target

NACT = "nact"
NACT_JS = "nact JS"
KB = 1024

_HERE = "benchmarks.suites.memory"

SUITE = Suite(
    about="memory of idle actors that have handled a message: growth of RSS; in Node, of V8's heap after a collection",
    cases=(
        Case(
            name="idle actor",
            unit="bytes",
            n=100_000,
            reference=NACT_JS,
            subjects=(
                Subject(name=NACT, code=f"{_HERE}.with_nact:actor"),
                Subject(name=NACT_JS, code=f"{_HERE}.with_peers:nact_js_actor"),
                Subject(name="asyncio.Queue task", code=f"{_HERE}.with_peers:queue_task"),
                Subject(name="pykka", code=f"{_HERE}.with_pykka:actor", share=0.01),
            ),
            targets=(Target(subject=NACT, bound=1.0 * KB, stretch=0.6 * KB),),
            less_is_better=True,
            fresh_processes=True,
            rounds=0.6,
        ),
        Case(
            name="idle persistent actor",
            unit="bytes",
            n=100_000,
            reference=NACT_JS,
            subjects=(
                Subject(name=NACT, code=f"{_HERE}.with_nact:persistent_actor"),
                Subject(name=NACT_JS, code=f"{_HERE}.with_peers:nact_js_persistent_actor"),
            ),
            targets=(Target(subject=NACT, bound=1.5 * KB),),
            less_is_better=True,
            fresh_processes=True,
            rounds=0.6,
        ),
    ),
)
