"""The log of actors, and log engines."""

import io
import logging
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from nact import (
    ActorLog,
    ActorRef,
    ActorStoppedError,
    Context,
    CorruptJournalError,
    LogEvent,
    LogException,
    LogLevel,
    LogMetric,
    LogRecord,
    LogTrace,
    SequenceConflictError,
    configure_logging,
    dispatch,
    log_to_console,
    log_to_nothing,
    query,
    spawn,
    start,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]

LEVELS = ["trace", "debug", "info", "warn", "error", "critical"]


async def log_of(system: ActorRef[Any], name: str = "till") -> ActorLog:
    """The `ctx.log` of a new actor."""

    def lend(state: Any, msg: Any, ctx: Context[Any]) -> None:
        dispatch(ctx.sender, ctx.log)

    log: ActorLog = await query(spawn(system, lend, name), "?", 10)
    return log


# --- what is logged ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
async def test_an_actor_logs_lines_at_each_level(level: str, records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        getattr(await log_of(system), level)("drawer open")
        (record,) = records
        assert isinstance(record, LogTrace)
        assert (record.level, record.message, record.actor) == (
            LogLevel[level.upper()],
            "drawer open",
            system.children["till"],
        )
        assert record.created_at.tzinfo is UTC


async def test_a_message_that_is_no_text_is_logged_as_text(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        (await log_of(system)).info({"coins": 3})
    assert records[0].text == "{'coins': 3}"


async def test_an_actor_logs_events_with_their_properties(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        log = await log_of(system)
        log.event("sold", {"item": "tea"})
        log.event("closed")
    first, second = records
    assert isinstance(first, LogEvent)
    assert (first.name, first.properties, first.level) == ("sold", {"item": "tea"}, LogLevel.INFO)
    assert [first.text, second.text] == ["event sold {'item': 'tea'}", "event closed {}"]


async def test_an_actor_logs_metrics_with_their_values(records: list[LogRecord]) -> None:
    async with start(configure_logging(records.append)) as system:
        (await log_of(system)).metric("coins", {"small": 3, "big": 1})
    (record,) = records
    assert isinstance(record, LogMetric)
    assert (record.name, record.values, record.level) == ("coins", {"small": 3, "big": 1}, LogLevel.INFO)
    assert record.text == "metric coins {'small': 3, 'big': 1}"


async def test_an_actor_logs_exceptions(records: list[LogRecord]) -> None:
    error = ValueError("no change")
    async with start(configure_logging(records.append)) as system:
        log = await log_of(system)
        log.exception(error)
        log.exception(error, "gave up")
    assert all(isinstance(record, LogException) and record.exception is error for record in records)
    assert [record.text for record in records] == [
        "failed: ValueError('no change')",
        "gave up: ValueError('no change')",
    ]
    assert {record.level for record in records} == {LogLevel.ERROR}


def test_levels_are_those_of_standard_logging() -> None:
    standard = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING}
    standard |= {"error": logging.ERROR, "critical": logging.CRITICAL, "trace": 5}
    assert {level.name.lower(): int(level) for level in LogLevel} == standard


# --- standard logging ----------------------------------------------------------------------------------------------


async def test_by_default_lines_go_to_standard_logging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(LogLevel.TRACE, logger="nact.actors")
    async with start(name="shop") as system:
        log = await log_of(system)
        for level in LEVELS:
            getattr(log, level)(f"100% {level}")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (LogLevel[level.upper()], f"shop://till: 100% {level}") for level in LEVELS
    ]
    assert {record.name for record in caplog.records} == {"nact.actors"}
    assert {record.__dict__["nact_actor"] for record in caplog.records} == {"shop://till"}


async def test_events_and_metrics_are_fields_of_the_standard_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="nact.actors")
    async with start(name="shop") as system:
        log = await log_of(system)
        log.event("sold", {"item": "tea"})
        log.metric("coins", {"small": 3})
    assert [(r.__dict__["nact_event"], r.__dict__["nact_properties"]) for r in caplog.records] == [
        ("sold", {"item": "tea"}),
        ("coins", {"small": 3}),
    ]
    assert caplog.messages == ["shop://till: event sold {'item': 'tea'}", "shop://till: metric coins {'small': 3}"]


async def test_exceptions_come_with_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def fail(state: Any, msg: str, ctx: Context[str]) -> None:
        raise ValueError("no change")

    async with start(name="shop") as system:
        with pytest.raises(ActorStoppedError):
            await query(spawn(system, fail, "till"), "pay", 10)
    (record,) = caplog.records
    assert record.getMessage() == "shop://till: stops after a fault while it handled a message of type str"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
    assert "in fail" in caplog.text


@pytest.mark.parametrize(
    "error", [SequenceConflictError("k", 3, 7), CorruptJournalError("not JSON", "k", 3)], ids=lambda e: type(e).__name__
)
async def test_a_fault_that_is_about_a_journal_says_where_in_fields(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with start(name="shop") as system:
        (await log_of(system)).exception(error)
    (record,) = caplog.records
    assert (record.__dict__["nact_key"], record.__dict__["nact_sequence_number"]) == ("k", 3)


async def test_a_level_that_nobody_listens_to_costs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    class Properties(dict[str, Any]):
        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

    caplog.set_level(logging.WARNING, logger="nact.actors")
    async with start() as system:
        (await log_of(system)).event("sold", Properties(item="tea"))
    assert caplog.records == []


# --- other engines ---------------------------------------------------------------------------------------------------


async def test_the_console_gets_a_line_for_each_record() -> None:
    stream = io.StringIO()
    async with start(configure_logging(log_to_console(stream=stream)), name="shop") as system:
        log = await log_of(system)
        log.warn("drawer open")
        log.event("sold", {"item": "tea"})
    first, second = stream.getvalue().splitlines()
    assert first.startswith("[WARN @ ")
    assert first.endswith("] shop://till - drawer open")
    assert second.startswith("[INFO @ ")
    assert second.endswith("] shop://till - event sold {'item': 'tea'}")


async def test_the_console_is_standard_error_as_it_is_then(capsys: pytest.CaptureFixture[str]) -> None:
    async with start(configure_logging(log_to_console())) as system:
        (await log_of(system)).info("drawer open")
    assert capsys.readouterr().err.endswith("drawer open\n")


@pytest.mark.parametrize("level", list(LogLevel), ids=lambda level: level.name)
async def test_the_console_drops_what_is_below_its_level(level: LogLevel) -> None:
    stream = io.StringIO()
    engine = log_to_console(stream=stream, level=level, formatter=lambda record: record.level.name.lower())
    async with start(configure_logging(engine)) as system:
        log = await log_of(system)
        for name in LEVELS:
            getattr(log, name)("drawer open")
    assert stream.getvalue().split() == LEVELS[LEVELS.index(level.name.lower()) :]


async def test_the_console_drops_lines_below_info_unless_it_is_told_otherwise() -> None:
    stream = io.StringIO()
    async with start(configure_logging(log_to_console(stream=stream))) as system:
        (await log_of(system)).debug("drawer open")
    assert stream.getvalue() == ""


async def test_log_to_nothing_drops_everything(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(LogLevel.TRACE)
    async with start(configure_logging(log_to_nothing)) as system:
        (await log_of(system)).critical("drawer open")
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


async def test_two_systems_log_each_to_its_own_engine() -> None:
    first: list[LogRecord] = []
    second: list[LogRecord] = []
    async with start(configure_logging(first.append)) as a, start(configure_logging(second.append)) as b:
        (await log_of(a)).info("a")
        (await log_of(b)).info("b")
    assert [record.text for record in first] == ["a"]
    assert [record.text for record in second] == ["b"]


async def test_a_log_engine_that_fails_does_not_fail_the_actor(caplog: pytest.LogCaptureFixture) -> None:
    def full(record: LogRecord) -> None:
        raise OSError("disk full")

    def log_and_answer(state: Any, msg: str, ctx: Context[str]) -> None:
        ctx.log.info(msg)
        if msg == "fail":
            raise ValueError
        dispatch(ctx.sender, msg)

    async with start(configure_logging(full), name="shop") as system:
        ref = spawn(system, log_and_answer, "till")
        assert await query(ref, "hello", 10) == "hello"
        with pytest.raises(ActorStoppedError):
            await query(ref, "fail", 10)
    assert set(caplog.messages) == {"shop://till: the log engine failed; the record is lost"}
    assert "disk full" in caplog.text
    assert {record.__dict__["nact_actor"] for record in caplog.records} == {"shop://till"}


# --- wrong arguments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "argument", "value"),
    [
        (configure_logging, "engine", None),
        (configure_logging, "engine", "console"),
        (log_to_console, "stream", "stderr"),
        (log_to_console, "level", "INFO"),
        (log_to_console, "formatter", "%s"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],  # the same in all processes that share the tests
)
def test_a_wrong_argument_is_refused_and_named(function: Callable[..., Any], argument: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{argument} must be ") as caught:
        function(**{argument: value})
    assert repr(value) in str(caught.value)
