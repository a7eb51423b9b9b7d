import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from benchmarks.publish import reports, results
from benchmarks.publish.figures import amount, ratio, short, tick
from benchmarks.publish.guarantees import guarantees, guarantees_by_engine, standing, title
from benchmarks.publish.numbers import numbers
from benchmarks.publish.readme import BEGIN, END, NoMarksError, with_table
from benchmarks.tests.samples import law, report, results_file, suite, write_report


def _numbers(tmp_path: Path, **suites: object) -> str:
    return numbers(results.read([results_file(tmp_path / "results.json", suites)]))


def test_a_rate_stands_beside_its_ratio_to_the_raw_limit(tmp_path: Path) -> None:
    assert "| one actor, events/s | 2,000 (0.50 of raw) |" in _numbers(tmp_path, sqlite=suite())


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_of_the_medians(tmp_path: Path) -> None:
    made = suite(nact=[100.0, 900.0, 1000.0], raw=[200.0, 1000.0, 10_000.0])
    assert "| one actor, events/s | 900 (0.50 of raw) |" in _numbers(tmp_path, sqlite=made)


def test_targets_are_met_or_missed_as_they_were_measured(tmp_path: Path) -> None:
    page = _numbers(tmp_path, sqlite=suite())
    assert "- target: nact at least 0.900 x raw: 0.50, **missed**" in page
    assert "| targets met | 0 of 1 |" in page


def test_targets_of_a_suite_beside_the_engines_own_count_as_well(tmp_path: Path) -> None:
    page = _numbers(tmp_path, postgres=suite(), **{"postgres-growth": suite(met=True)})
    assert "| targets met | 1 of 2 |" in page


def test_percentiles_have_columns_of_their_own(tmp_path: Path) -> None:
    page = _numbers(tmp_path, sqlite=suite())
    assert "|  | p50, ms | p95, ms | p99, ms | p99.9, ms | longest | of | nact / this |" in page
    assert "| nact | 0.300 | 0.500 | 0.900 |  | 4.00 | 5,000 |  |" in page
    assert "| wait for a persist, one actor, ms | p50 0.300, p99 0.900 |" in page


def test_what_was_not_here_says_why(tmp_path: Path) -> None:
    assert "| peer | not here: there is no node |  |  |  |" in _numbers(tmp_path, sqlite=suite())


def test_a_subject_behind_its_driver_is_ours_and_beside_that_drivers_limit(tmp_path: Path) -> None:
    page = _numbers(tmp_path, mongo=suite(driver="motor: "))
    assert "| one actor, events/s | 2,000 (0.50 of raw) |" in page


def test_a_quick_try_is_called_one(tmp_path: Path) -> None:
    assert "which means nothing" in _numbers(tmp_path, sqlite={**suite(), "quick": True})
    assert "which means nothing" not in _numbers(tmp_path, sqlite=suite())


def test_a_machine_that_had_other_things_to_do_is_called_busy(tmp_path: Path) -> None:
    machine = {"processor": "Abacus", "processors": 2, "system": "Linux-6.18.44"}
    busy = {**suite(), "machine": {**machine, "load": 9.4}}
    assert "Abacus, 2 processors (busy: load 9 at the beginning), Linux 6.18.44" in _numbers(tmp_path, sqlite=busy)
    idle = {**suite(), "machine": {**machine, "load": 0.4}}
    assert "Abacus, 2 processors, Linux 6.18.44" in _numbers(tmp_path, sqlite=idle)


def test_of_several_files_the_latest_run_of_a_suite_counts(tmp_path: Path) -> None:
    old = results_file(tmp_path / "old.json", {"sqlite": suite(), "redis": suite()})
    new = results_file(tmp_path / "new.json", {"sqlite": {**suite(), "date": "2027-01-01T00:00:00+00:00"}})
    for order in ([old, new], [new, old]):
        found = results.read(order)
        assert list(found) == ["redis", "sqlite"]
        assert found["sqlite"].date.startswith("2027")


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({"held": 2}, "kept (2)"),
        ({"held": 2, "declared": 1}, "kept, except 1 (2)"),
        ({"held": 2, "not tested": 3}, "kept (2; 3 not tested)"),
        ({"held": 2, "broken": 1}, "**broken** (1)"),
        ({"held": 2, "held, though declared": 1}, "**broken** (1)"),
        ({"held": 2, "not run": 1}, "not judged (1 not run)"),
        ({"declared": 2}, "not kept (declared)"),
        ({"not offered": 2}, "not offered"),
        ({"not tested": 2}, "not tested"),
    ],
)
def test_a_guarantee_is_kept_only_if_laws_held_and_none_failed(outcomes: Mapping[str, int], words: str) -> None:
    assert standing(report(3, outcomes), 3) == words


def test_an_engine_keeps_what_it_keeps_on_all_its_servers() -> None:
    kept, broken = report(3, {"held": 2}), report(3, {"held": 1, "broken": 1})
    page = guarantees_by_engine({"postgres-15": kept, "postgres-17": broken, "redis-7": kept})
    assert "| guarantee | Postgres | Redis |" in page
    assert "| 3. One winner | **broken** (1) | kept (2) |" in page
    assert "| **verdict** | **not conformant** | conformant |" in page


@pytest.mark.parametrize(("first", "second"), [("broken", "not tested"), ("not tested", "broken")])
def test_of_a_law_the_worst_that_was_found_on_any_server_counts(first: str, second: str) -> None:
    page = guarantees_by_engine(
        {"redis-7": report(3, {"held": 2, first: 1}), "redis-8": report(3, {"held": 2, second: 1})}
    )
    assert "| 3. One winner | **broken** (1) |" in page


def test_a_law_that_is_declared_on_one_server_counts_once_and_tells_its_reason() -> None:
    first, second = report(3, {"held": 2}), report(3, {"held": 1, "declared": 1})
    page = guarantees_by_engine({"redis-7": first, "redis-8": second})
    assert "| 3. One winner | kept, except 1 (1) |" in page
    assert "- Redis: declared, X-00, a law: because." in page


def test_what_laws_needed_and_did_not_have_is_told_below_the_table() -> None:
    assert "- SQLite: not tested for want of because (3)." in guarantees_by_engine(
        {"sqlite": report(3, {"held": 2, "not tested": 3}, server="")}
    )


def test_each_server_has_a_column_of_its_own_in_the_second_table() -> None:
    page = guarantees({"postgres-15": report(3, {"held": 2}), "redis-7-cluster": report(3, {"held": 2})})
    assert "| guarantee | Postgres 15 | Redis 7 cluster |" in page


def test_reports_are_named_after_engine_server_and_suite(tmp_path: Path) -> None:
    names = {
        "sqlite": [("test_laws.py::TestFile", "", "sqlite")],
        "postgres": [
            ("test_laws.py::TestOldestServer", "PostgreSQL 15.10", "postgres-15"),
            ("test_laws.py::TestNewestServer", "17.6", "postgres-17"),
        ],
        "mongo": [("test_laws.py::TestPyMongoOnStandalone", "6.0.19", "mongo-6-py-mongo-standalone")],
    }
    for engine, subjects in names.items():
        write_report(tmp_path / f"{engine}.json", [(name, server) for name, server, _ in subjects])
    expected = sorted(told for subjects in names.values() for *_, told in subjects)
    assert sorted(reports.taken_from(tmp_path)) == expected


def test_the_short_form_of_a_report_says_the_same(tmp_path: Path) -> None:
    laws = [law("J-01", "held"), law("J-02", "held"), law("J-03", "declared", told="can't\nsecond line")]
    write_report(tmp_path / "sqlite.json", [("test_laws.py::TestFile", "")], laws)
    (found,) = reports.taken_from(tmp_path / "sqlite.json").values()
    reports.write(tmp_path / "short", "sqlite", found)
    (again,) = reports.read(tmp_path / "short").values()
    assert again == found
    assert again.held == {"3": 2}
    assert [(each.law_id, each.outcome, each.told) for each in again.others] == [("J-03", "declared", "can't")]


def test_reports_come_in_the_order_of_a_reader(tmp_path: Path) -> None:
    for name, server in (("redis-10", "10"), ("redis-7", "7"), ("sqlite", ""), ("postgres-15", "15")):
        reports.write(tmp_path, name, report(1, {"held": 1}, server=server))
    assert list(reports.read(tmp_path)) == ["sqlite", "postgres-15", "redis-7", "redis-10"]


def test_the_readme_gets_its_table_between_the_marks_and_stays_as_it_was_elsewhere() -> None:
    before = f"a\n{BEGIN}\nold\n{END}\nb\n"
    assert with_table(before, "new") == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    assert with_table(with_table(before, "new"), "new") == with_table(before, "new")


@pytest.mark.parametrize("readme", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_a_readme_without_both_marks_is_refused(readme: str) -> None:
    with pytest.raises(NoMarksError):
        with_table(readme, "new")


def test_titles_are_the_databases_names() -> None:
    assert [title(name) for name in ("sqlite", "postgres-15", "log")] == ["SQLite", "Postgres 15", "log"]


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (59_912.3, "59,900"),
        (0.34567, "0.346"),
        (2.0, "2.00"),
        (123.4, "123"),
        (0, "0"),
        (9.999, "10.0"),
        (999.6, "1,000"),
    ],
)
def test_an_amount_has_three_digits(figure: float, told: str) -> None:
    assert amount(figure) == told


def test_figures_in_plots_are_short() -> None:
    assert [short(figure) for figure in (1_480_000, 59_912, 345.6)] == ["1.48M", "59.9k", "346"]
    assert [tick(figure) for figure in (1_000_000, 10_000, 0.2)] == ["1M", "10k", "0.2"]
    assert [ratio(figure) for figure in (0.856, 13.2)] == ["0.86", "13"]


def test_the_file_of_results_is_read_as_benchmarks_write_it(tmp_path: Path) -> None:
    path = results_file(tmp_path / "results.json", {"sqlite": suite()})
    assert json.loads(path.read_text())["suites"]["sqlite"]["cases"][0]["name"] == "persist, one actor"
    case = results.read([path])["sqlite"].case("persist, one actor")
    assert case is not None
    ours = case.ours()
    assert ours is not None
    assert ours.median == 2000
