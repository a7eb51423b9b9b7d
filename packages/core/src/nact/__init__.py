"""Actors for asyncio whose state survives any crash."""

from nact._actor.options import SpawnOptions, StatelessOptions
from nact.context import Context
from nact.durations import Duration, days, hours, milliseconds, minutes, seconds
from nact.errors import (
    ActorStoppedError,
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    HandlerCancelledError,
    HandlerFailedError,
    IncompatibleEngineError,
    InvalidEventError,
    KeyInUseError,
    MailboxFullError,
    NactError,
    NameInUseError,
    OutcomeUnknownError,
    PersistUsageError,
    QueryTimeoutError,
    SequenceConflictError,
    SystemFailedError,
    UnknownEngineError,
)
from nact.messaging import dispatch, query, stop, stopped
from nact.monitoring import (
    ActorLog,
    LogEngine,
    LogEvent,
    LogException,
    LogLevel,
    LogMetric,
    LogRecord,
    LogTrace,
    log_to_console,
    log_to_logging,
    log_to_nothing,
)
from nact.persistence._actor.configuration import configure_persistence
from nact.persistence._actor.options import PersistentOptions, ReadingOptions, Retention
from nact.persistence.actor import spawn_persistent
from nact.persistence.codecs import Codec, FunctionCodec, TypedCodec
from nact.persistence.context import PersistentContext
from nact.persistence.discovery import engine_from_url
from nact.persistence.query import persistent_query
from nact.references import NOBODY, ActorRef
from nact.spawning import spawn, spawn_stateless
from nact.supervision import CrashContext, Decision, RestartWithBackoff, SupervisionPolicy
from nact.system import ActorSystem, configure_logging, start

__all__ = [
    "NOBODY",
    "ActorLog",
    "ActorRef",
    "ActorStoppedError",
    "ActorSystem",
    "Codec",
    "Context",
    "CorruptJournalError",
    "CrashContext",
    "Decision",
    "Duration",
    "EngineClosedError",
    "EngineUnavailableError",
    "FunctionCodec",
    "HandlerCancelledError",
    "HandlerFailedError",
    "IncompatibleEngineError",
    "InvalidEventError",
    "KeyInUseError",
    "LogEngine",
    "LogEvent",
    "LogException",
    "LogLevel",
    "LogMetric",
    "LogRecord",
    "LogTrace",
    "MailboxFullError",
    "NactError",
    "NameInUseError",
    "OutcomeUnknownError",
    "PersistUsageError",
    "PersistentContext",
    "PersistentOptions",
    "QueryTimeoutError",
    "ReadingOptions",
    "RestartWithBackoff",
    "Retention",
    "SequenceConflictError",
    "SpawnOptions",
    "StatelessOptions",
    "SupervisionPolicy",
    "SystemFailedError",
    "TypedCodec",
    "UnknownEngineError",
    "configure_logging",
    "configure_persistence",
    "days",
    "dispatch",
    "engine_from_url",
    "hours",
    "log_to_console",
    "log_to_logging",
    "log_to_nothing",
    "milliseconds",
    "minutes",
    "persistent_query",
    "query",
    "seconds",
    "spawn",
    "spawn_persistent",
    "spawn_stateless",
    "start",
    "stop",
    "stopped",
]
