"""`configure_opentelemetry`: nothing without it, and what it needs."""

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.metrics import get_meter_provider

from nact import configure_persistence, spawn_persistent, start
from nact.otel import configure_opentelemetry
from nact.otel._instruments import instruments_of
from nact.persistence import MemoryPersistenceEngine

from .telemetry import Telemetry, ask, collect

WITHOUT_IT = """
import asyncio, sys
import nact

def echo(state, msg, ctx):
    nact.dispatch(ctx.sender, msg)

async def main():
    async with nact.start(nact.configure_persistence(nact.engine_from_url("memory://"))) as system:
        await nact.query(nact.spawn(system, echo), "hello", 10)

asyncio.run(main())
print([name for name in sys.modules if "opentelemetry" in name or name.startswith("nact.otel")])
"""

NOT_INSTALLED = """
import sys
sys.modules["opentelemetry"] = None
import nact.otel
"""


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_opentelemetry_is_imported_only_when_it_is_used() -> None:
    ran = run(WITHOUT_IT)
    assert ran.stdout == "[]\n", ran.stderr


def test_without_opentelemetry_the_error_names_the_extra() -> None:
    ran = run(NOT_INSTALLED)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == ("ImportError: nact.otel needs OpenTelemetry's API: pip install 'nact[otel]'")


@pytest.mark.anyio
async def test_a_system_that_nobody_configured_has_no_observer() -> None:
    async with start() as system:
        assert system._runtime.observer is None


@pytest.mark.anyio
@pytest.mark.parametrize("first", [True, False])
async def test_the_order_of_plugins_makes_no_difference(first: bool) -> None:
    telemetry, persistence = Telemetry(), configure_persistence(MemoryPersistenceEngine())
    plugins = [telemetry.plugin(), persistence] if first else [persistence, telemetry.plugin()]
    async with start(*plugins) as system:
        await ask(spawn_persistent(system, collect, key="k", initial_state=[]))
    assert len(telemetry.spans("nact persist")) == 1


@pytest.mark.anyio
async def test_a_system_is_observed_once() -> None:
    telemetry = Telemetry()
    with pytest.raises(ValueError, match="is already observed by <nact"):
        start(telemetry.plugin(), telemetry.plugin())


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("tracer_provider", "tracer_provider must be OpenTelemetry's TracerProvider, not 'no'"),
        ("meter_provider", "meter_provider must be OpenTelemetry's MeterProvider, not 'no'"),
        ("mailbox_group", "mailbox_group must be a function, not 'no'"),
    ],
)
def test_a_wrong_argument_is_refused_and_named(argument: str, says: str) -> None:
    options: dict[str, Any] = {argument: "no"}
    with pytest.raises(TypeError) as caught:
        configure_opentelemetry(**options)
    assert str(caught.value) == says


def test_each_meter_provider_has_one_set_of_instruments() -> None:
    one, other = Telemetry().meter_provider, Telemetry().meter_provider
    assert instruments_of(one) is instruments_of(one)
    assert instruments_of(one) is not instruments_of(other)


def test_without_a_provider_it_is_the_global_one() -> None:
    assert instruments_of(None) is instruments_of(get_meter_provider())
