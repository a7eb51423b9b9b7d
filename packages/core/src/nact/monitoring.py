"""Logging: `ctx.log`, the records that it makes, and the log engines that take them (standard `logging` by default).

The default engine writes to the logger `nact.actors`. The actor's path, the event's name and its properties are fields
of the `logging.LogRecord` (`nact_actor`, `nact_event`, `nact_properties`) for structured formatters. A fault of a
journal has the fields `nact_key` and `nact_sequence_number`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TextIO, TypeAlias

import msgspec

from nact.errors import CorruptJournalError, SequenceConflictError
from nact.references import ActorRef

actors_logger = logging.getLogger("nact.actors")


class LogLevel(IntEnum):
    """nact's levels, with the numbers of standard `logging`."""

    TRACE = 5
    DEBUG = logging.DEBUG
    INFO = logging.INFO
    WARN = logging.WARNING
    ERROR = logging.ERROR
    CRITICAL = logging.CRITICAL


def _now() -> datetime:
    return datetime.now(UTC)


class LogTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A line of text."""

    actor: ActorRef[Any]
    level: LogLevel
    message: str
    created_at: datetime = msgspec.field(default_factory=_now)

    @property
    def text(self) -> str:
        """The record as one line."""
        return self.message


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event, with its properties."""

    actor: ActorRef[Any]
    name: str
    properties: Mapping[str, Any]
    created_at: datetime = msgspec.field(default_factory=_now)
    level: LogLevel = LogLevel.INFO

    @property
    def text(self) -> str:
        """The record as one line."""
        return f"event {self.name} {dict(self.properties)!r}"


class LogMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement, with its values."""

    actor: ActorRef[Any]
    name: str
    values: Mapping[str, Any]
    created_at: datetime = msgspec.field(default_factory=_now)
    level: LogLevel = LogLevel.INFO

    @property
    def text(self) -> str:
        """The record as one line."""
        return f"metric {self.name} {dict(self.values)!r}"


class LogException(msgspec.Struct, frozen=True, kw_only=True):
    """A fault, with a message that says what the actor was doing."""

    actor: ActorRef[Any]
    exception: BaseException
    message: str
    created_at: datetime = msgspec.field(default_factory=_now)
    level: LogLevel = LogLevel.ERROR

    @property
    def text(self) -> str:
        """The record as one line."""
        return f"{self.message}: {self.exception!r}"


LogRecord: TypeAlias = LogTrace | LogEvent | LogMetric | LogException
LogEngine: TypeAlias = Callable[[LogRecord], None]
"""Takes every log record of a system. It is called inside the actor, so it should be quick. If it raises, the record
is lost."""


class ActorLog:
    """Logs in one actor's name."""

    __slots__ = ("_actor", "_engine")

    def __init__(self, engine: LogEngine, actor: ActorRef[Any]) -> None:
        self._engine = engine
        self._actor = actor

    def trace(self, message: object) -> None:
        """Logs finer than debug."""
        self._write(LogLevel.TRACE, message)

    def debug(self, message: object) -> None:
        """Logs details for developers."""
        self._write(LogLevel.DEBUG, message)

    def info(self, message: object) -> None:
        """Logs a normal event that is worth knowing."""
        self._write(LogLevel.INFO, message)

    def warn(self, message: object) -> None:
        """Logs a possible problem."""
        self._write(LogLevel.WARN, message)

    def error(self, message: object) -> None:
        """Logs a failure."""
        self._write(LogLevel.ERROR, message)

    def critical(self, message: object) -> None:
        """Logs a failure that needs attention at once."""
        self._write(LogLevel.CRITICAL, message)

    def event(self, name: str, properties: Mapping[str, Any] | None = None) -> None:
        """Logs an event with its properties."""
        self._hand_over(LogEvent(actor=self._actor, name=name, properties=properties or {}))

    def metric(self, name: str, values: Mapping[str, Any]) -> None:
        """Logs a measurement with its values."""
        self._hand_over(LogMetric(actor=self._actor, name=name, values=values))

    def exception(self, exception: BaseException, message: str = "failed") -> None:
        """Logs an error with its traceback."""
        self._hand_over(LogException(actor=self._actor, exception=exception, message=message))

    def _write(self, level: LogLevel, message: object) -> None:
        self._hand_over(LogTrace(actor=self._actor, level=level, message=str(message)))

    def _hand_over(self, record: LogRecord) -> None:
        try:
            self._engine(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # raised on, it would be a fault of the actor, which would be logged again
            path = self._actor.path
            with suppress(Exception):  # standard logging may fail, too
                actors_logger.exception(
                    "%s: the log engine failed; the record is lost", path, extra={"nact_actor": path}
                )
            if not isinstance(error, Exception):
                top = self._actor
                while top.parent is not None:
                    top = top.parent
                top._keep_failure(self._actor, error)


def log_to_logging(record: LogRecord) -> None:
    """The default engine: hands the record to the standard logger `nact.actors`."""
    if not actors_logger.isEnabledFor(record.level):
        return
    fields: dict[str, Any] = {"nact_actor": record.actor.path}
    error: BaseException | None = None
    match record:
        case LogEvent(name=name, properties=values) | LogMetric(name=name, values=values):
            fields |= {"nact_event": name, "nact_properties": dict(values)}
        case LogException(exception=error):
            fields |= _where(error)
        case LogTrace():
            pass
    text = record.message if isinstance(record, LogException) else record.text
    actors_logger.log(record.level, "%s: %s", record.actor.path, text, exc_info=error, extra=fields)


def _where(error: BaseException) -> dict[str, Any]:
    """The journal's key and the sequence number that the error is about, if it names them."""
    match error:
        case SequenceConflictError(key=key, attempted=number) | CorruptJournalError(key=key, sequence_number=number):
            return {"nact_key": key, "nact_sequence_number": number}
        case _:
            return {}


def log_to_nothing(record: LogRecord) -> None:
    """An engine that drops everything."""


def log_to_console(
    *,
    stream: TextIO | None = None,
    level: LogLevel = LogLevel.INFO,
    formatter: Callable[[LogRecord], str] | None = None,
) -> LogEngine:
    """An engine that prints a line for each record.

    Args:
        stream: The stream to print to; by default `sys.stderr`, looked up for each line.
        level: The lowest level that is printed.
        formatter: Makes the line of a record.

    Raises:
        TypeError: An argument is invalid.
    """
    if stream is not None and not hasattr(stream, "write"):
        raise TypeError(f"stream must be a text stream, not {stream!r}")
    if not isinstance(level, int):
        raise TypeError(f"level must be a LogLevel, not {level!r}")
    if formatter is not None and not callable(formatter):
        raise TypeError(f"formatter must be a function, not {formatter!r}")
    line = formatter or _line

    def engine(record: LogRecord) -> None:
        if record.level >= level:
            print(line(record), file=stream or sys.stderr)

    return engine


def _line(record: LogRecord) -> str:
    return f"[{record.level.name} @ {record.created_at:%H:%M:%S.%f}] {record.actor.path} - {record.text}"
