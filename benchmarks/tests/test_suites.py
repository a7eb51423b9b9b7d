from collections.abc import Iterator

import pytest
from benchmarks import registry
from benchmarks.model import Case


def _cases() -> Iterator[tuple[str, Case]]:
    for name in registry.names():
        for case in registry.suite(name).cases:
            yield f"{name}: {case.name}", case


CASES = dict(_cases())


@pytest.mark.parametrize("name", CASES)
def test_what_a_case_names_is_one_of_its_subjects(name: str) -> None:
    case = CASES[name]
    subjects = [subject.name for subject in case.subjects]
    assert len(set(subjects)) == len(subjects)
    targets = [known for target in case.targets for known in (target.subject, target.of or target.subject)]
    assert {case.reference, case.limit or case.reference, *targets} <= set(subjects)


@pytest.mark.parametrize("engine", ["mongo", "postgres", "redis", "sqlite"])
def test_the_suite_of_an_engine_has_the_cases_that_are_drawn(engine: str) -> None:
    names = {case.name for case in registry.suite(engine).cases}
    numbers = [f"persist, {number} actors" for number in ("10", "100", "1000", "10,000")]
    waits = [f"latency of a persist, {number}" for number in ("one actor", "1000 actors")]
    assert {"persist, one actor", *numbers, *waits, "one actor's journal, read"} <= names
