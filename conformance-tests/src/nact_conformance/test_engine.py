"""The laws, tried on the engine that `--engine-url` names: `pytest --pyargs nact_conformance --engine-url URL`."""

from __future__ import annotations

import pytest

from nact_conformance.suite import ConformanceSuite


class TestEngine(ConformanceSuite):
    """The engine of the command line."""

    _url: str

    @pytest.fixture(autouse=True)
    def _from_the_command_line(self, pytestconfig: pytest.Config) -> None:
        self._url = pytestconfig.getoption("engine_url")

    def url(self) -> str:
        """The URL of the command line."""
        return self._url
