"""What messages contain may be personal data: logs name their types, unless the system is told otherwise."""

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from nact import Context, Decision, dispatch, query, spawn, spawn_stateless, start, stop

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


@dataclass(frozen=True)
class Letter:
    text: str


def silent(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    return state


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    raise ValueError("can't")


def fail_stateless(msg: Any, ctx: Context[Any]) -> None:
    raise ValueError("can't")


def escalate(*args: Any) -> Decision:
    return Decision.ESCALATE


def fail_to_judge(*args: Any) -> Decision:
    raise LookupError("no idea")


async def everything_that_is_logged(**options: Any) -> None:
    letter = Letter("my salary")
    async with start(**options) as system:
        gone = spawn(system, silent)
        dispatch(gone, letter)
        stop(gone)
        dispatch(gone, letter)
        dispatch(spawn(system, fail), letter)
        dispatch(spawn_stateless(system, fail_stateless), letter)
        dispatch(spawn(system, fail, on_crash=fail_to_judge), letter)
        dispatch(spawn(spawn(system, silent), fail, on_crash=escalate), letter)
        await query(spawn(system, echo), "let all run", 60)


async def test_no_log_shows_what_a_message_contains(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    await everything_that_is_logged()
    assert "salary" not in caplog.text
    assert caplog.text.count("a message of type Letter") >= 6


async def test_a_system_can_be_told_to_log_messages(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await everything_that_is_logged(log_messages=True)
    assert caplog.text.count("Letter(text='my salary')") >= 6


async def test_log_messages_must_be_a_bool() -> None:
    with pytest.raises(TypeError, match="log_messages must be a bool, not 'yes'"):
        start(log_messages="yes")  # type: ignore[arg-type]


async def test_a_dead_letter_that_cannot_be_logged_is_counted() -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise OSError("no space")

    broken = Broken()
    loggers = [logging.getLogger(name) for name in ("nact.dead_letters", "nact.actors")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addFilter(broken)
        logger.setLevel(logging.INFO)
    try:
        async with start() as system:
            ref = spawn(system, silent)
            for number in range(3):
                dispatch(ref, number)
            stop(ref)
            assert system.dead_letters == 3
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeFilter(broken)
            logger.setLevel(level)
