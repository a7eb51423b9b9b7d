"""The kit's options for pytest. The rest is imported only by sessions that use it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nact_conformance._reporting.gathering import Reporting


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the kit's options."""
    group = parser.getgroup("nact-conformance", "the laws of a nact persistence engine")
    add = group.addoption
    add("--engine-url", metavar="URL", help="try the laws on this engine, with --pyargs nact_conformance")
    add("--conformance-report", metavar="FILE", help="write what was found as JSON")
    add("--conformance-markdown", metavar="FILE", help="write what was found as Markdown")
    add("--conformance-rounds", metavar="N", type=int, default=4, help="how hard laws of chance try (default 4)")
    add(
        "--conformance-timeout",
        metavar="SECONDS",
        type=float,
        default=15.0,
        help="for each call (15); 8 times that for a law",
    )
    again = "declare a law that the engine can't keep, as P-02:reason; can be given again"
    add("--conformance-declare", metavar="ID:REASON", action="append", default=[], help=again)


def pytest_configure(config: pytest.Config) -> None:
    """Begins to look for laws among the tests."""
    config.pluginmanager.register(Watch(config), "nact_conformance_watch")


class Watch:
    """Looks for laws among the tests, and imports the report's code only if there are some."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reporting: Reporting | None = None
        if config.getoption("engine_url") or config.getoption("conformance_report"):
            self._begin()

    def _begin(self) -> Reporting:
        if self._reporting is None:
            from nact_conformance._reporting.gathering import Reporting  # noqa: PLC0415 (that is what this class is for)

            self._reporting = Reporting(self._config)
        return self._reporting

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if "nact_conformance.suite" in sys.modules:
            self._begin().identify(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.user_properties and report.user_properties[0][0] == "nact_conformance_law":
            self._begin().take(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if in_use := sys.modules.get("nact_conformance.storages_in_use"):
            in_use.stop_all()
        if self._reporting is not None:
            self._reporting.finish(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._reporting is not None:
            self._reporting.show(terminalreporter)
