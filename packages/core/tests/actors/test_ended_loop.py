"""A system whose event loop ends, or that is interrupted: the process ends, and says what was forgotten."""

import asyncio
import gc
import importlib.util
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nact import (
    ActorRef,
    ActorSystem,
    Context,
    configure_logging,
    dispatch,
    log_to_nothing,
    query,
    spawn,
    start,
    stop,
    stopped,
)

from .handlers import echo

LIMIT = 120
"""Seconds: only so that a fault ends."""


def busy(state: int, msg: Any, ctx: Context[Any]) -> int:
    dispatch(ctx.self, msg)
    return state + 1


async def busy_async(state: int, msg: Any, ctx: Context[Any]) -> int:
    await asyncio.sleep(0)
    return busy(state, msg, ctx)


def forgotten(*handlers: Callable[..., Any]) -> tuple[ActorSystem, list[ActorRef[Any]]]:
    """A system that was left open in a loop that is closed, while its actors were busy."""

    async def main() -> tuple[ActorSystem, list[ActorRef[Any]]]:
        system = start(configure_logging(log_to_nothing), name="shop")
        refs: list[ActorRef[Any]] = [spawn(system, handler, initial_state=0) for handler in handlers]
        for ref in refs:
            dispatch(ref, "on and on")
        await asyncio.sleep(0.01)
        return system, refs

    return asyncio.run(main())


@pytest.mark.parametrize("handler", [busy, busy_async, echo])
def test_a_message_to_a_closed_loop_is_refused(handler: Callable[..., Any]) -> None:
    system, (ref,) = forgotten(handler)
    if not ref.is_stopped:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="event loop of actor system 'shop' is closed"):
                dispatch(ref, "hello")
    else:
        dispatch(ref, "hello")
        assert system.dead_letters > 0
    with pytest.raises(RuntimeError, match="event loop of actor system 'shop' is closed"):
        stop(system)
    _put_away(system, ref)


def _put_away(system: ActorSystem, *refs: ActorRef[Any]) -> None:
    system._is_started = False  # what it warns of is for the tests below


def test_a_question_to_a_closed_loop_is_refused() -> None:
    system, (ref,) = forgotten(echo)

    async def ask() -> None:
        await query(ref, "hello", 60)

    with pytest.raises(RuntimeError, match="event loop of actor system 'shop' is closed"):
        asyncio.run(ask())
    _put_away(system)


def test_a_system_left_open_warns_once() -> None:
    def leave_open() -> None:
        forgotten(busy, busy_async, echo)
        gc.collect()
        gc.collect()

    with pytest.warns(ResourceWarning, match="actor system 'shop' was left open: use `async with") as warned:
        leave_open()
    assert len(warned) == 1


def test_a_system_that_was_stopped_does_not_warn() -> None:
    async def main() -> None:
        system = start()
        spawn(system, echo)
        stop(system)
        await stopped(system)

    asyncio.run(main())
    gc.collect()


def test_two_loops_have_a_system_each() -> None:
    async def main() -> Any:
        async with start() as system:
            return await query(spawn(system, echo), "hello", 60)

    assert [asyncio.run(main()), asyncio.run(main())] == ["hello"] * 2


# --- in processes of their own ---------------------------------------------------------------------------------------

PRELUDE = """
import asyncio, signal, sys, time
from nact import *

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored

def busy(state, msg, ctx):
    dispatch(ctx.self, msg)
    return state + 1

async def busy_async(state, msg, ctx):
    await asyncio.sleep(0)
    return busy(state, msg, ctx)

async def waits(state, msg, ctx):
    await asyncio.sleep(3600)

async def slow_to_stop(state, msg, ctx):
    try:
        await asyncio.sleep(3600)
    finally:
        time.sleep(0.1)

def begin(system):
    for handler in (busy, busy_async):
        dispatch(spawn(system, handler, initial_state=0), "on and on")

def ready():
    print("ready", flush=True)

async def inside():
    async with start(stop_timeout=1) as system:
        begin(system)
        dispatch(spawn(system, waits), "wait")
        asyncio.get_running_loop().call_later(0.05, ready)
        await asyncio.sleep(3600)

async def left_open():
    begin(start())
    asyncio.get_running_loop().call_later(0.05, ready)
    await asyncio.sleep(3600)

async def forgets():
    begin(start())
    await asyncio.sleep(0.05)
"""


@contextmanager
def process(program: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the program. It is killed in the end, if it hasn't ended."""
    command = [sys.executable, "-W", "default", "-c", PRELUDE + textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


interrupts = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a single process")


def skip_without(module: str) -> None:
    """In CI what is missing is a failure."""
    if importlib.util.find_spec(module) is None and not os.environ.get("CI"):
        pytest.skip(f"{module} isn't installed")


def test_a_program_that_forgets_its_busy_system_ends() -> None:
    with process("asyncio.run(forgets())\nprint('done')\n") as program:
        out, err = program.communicate(timeout=LIMIT)
    assert (out, program.returncode) == ("done\n", 0)
    assert err.count("ResourceWarning: actor system") == 1
    assert "Task was destroyed" not in err
    assert len(err.splitlines()) < 60, err


def test_no_worker_starts_in_a_closing_loop_that_is_slow() -> None:
    program = """
        async def main():
            system = start()
            begin(system)
            dispatch(spawn(system, slow_to_stop), "wait")
            await asyncio.sleep(0.05)

        asyncio.run(main())
    """
    with process(program) as started:
        _, err = started.communicate(timeout=LIMIT)
    assert "Task was destroyed" not in err


@interrupts
@pytest.mark.parametrize("body", ["inside", "left_open"])
@pytest.mark.parametrize("host", ["asyncio", "uvloop"])
def test_an_interrupt_ends_the_program(host: str, body: str) -> None:
    skip_without(host)
    with process(f"import {host}\n{host}.run({body}())\n") as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=LIMIT)
    assert program.returncode != 0
    assert "KeyboardInterrupt" in err
    assert len(err.splitlines()) < 100, err


@interrupts
def test_an_interrupt_ends_a_service_under_uvicorn() -> None:
    skip_without("uvicorn")
    service = """
    import uvicorn

    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        await receive()
        async with start(stop_timeout=1) as system:
            begin(system)
            await send({"type": "lifespan.startup.complete"})
            asyncio.get_running_loop().call_later(0.05, ready)
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        print("stopped in order", flush=True)

    uvicorn.run(app, port=0, log_level="error")
    """
    with process(service) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=LIMIT)
    assert out == "stopped in order\n", err


def test_pytest_sees_a_system_that_a_test_left_open(tmp_path: Any) -> None:
    (tmp_path / "test_it.py").write_text(
        "import asyncio, gc\nfrom nact import start\n\n\nasync def forgets():\n    start()\n\n\n"
        "def test_it():\n    asyncio.run(forgets())\n    gc.collect()\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=tmp_path,
    )
    assert run.returncode == 1, run.stdout
    assert len(re.findall("^E +ResourceWarning: actor system", run.stdout, re.MULTILINE)) == 1
