"""Raises the errors of asyncpg and of the network as nact's, by what the caller can do about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError

import asyncpg

from nact.errors import (
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    InvalidEventError,
    NactError,
    OutcomeUnknownError,
)
from nact.persistence.building.errors import engine_unavailable

_NOT_OF_ROWS = frozenset({"08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58"})
"""Classes of SQLSTATE about the session, the tables or the server. All others can be due to the rows."""

RACED = (
    asyncpg.exceptions.UniqueViolationError,
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
)
"""Another writer was faster. Nothing of the statement is stored; tried again, it sees the other one's rows."""

OVERTAKEN = (
    asyncpg.exceptions.DuplicateTableError,
    asyncpg.exceptions.DuplicateColumnError,
    asyncpg.exceptions.DuplicateSchemaError,
    asyncpg.exceptions.LockNotAvailableError,
    *RACED,
)
"""Another session makes or alters the same tables, or keeps them locked for the moment."""

_REPLANNED = (asyncpg.exceptions.InvalidCachedStatementError, asyncpg.exceptions.OutdatedSchemaCacheError)
_PASSING = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.exceptions.OperatorInterventionError,  # class 57: shutting down, starting up, cancelled, timed out
    asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,  # a standby, since a failover
    asyncpg.exceptions.TargetServerAttributeNotMatched,
    *_REPLANNED,
    *OVERTAKEN,
    asyncpg.InternalClientError,  # a connection that broke in the middle of an operation; it is replaced
    OSError,  # TimeoutError is one
)
_WRONG = (
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InvalidCatalogNameError,
    asyncpg.exceptions.DatabaseDroppedError,
    SSLCertVerificationError,  # an OSError, too
)
_ADVICE: dict[type[BaseException], str] = {
    asyncpg.exceptions.InsufficientPrivilegeError: (
        "its role lacks a privilege (the README lists them), or row security refuses"
    ),
    asyncpg.exceptions.UndefinedTableError: "its tables are gone",
    asyncpg.exceptions.UndefinedColumnError: "its tables aren't nact's, or were changed",
    asyncpg.exceptions.ReadOnlySQLTransactionError: "it only takes reads; name the primary, or target_session_attrs",
    asyncpg.exceptions.InvalidSQLStatementNameError: (
        "a pooler between lost a prepared statement; use statement_cache_size=0"
    ),
    asyncpg.exceptions.DuplicatePreparedStatementError: (
        "a pooler between mixed up prepared statements; use statement_cache_size=0"
    ),
    asyncpg.exceptions.LockNotAvailableError: "it didn't answer in time, since something else holds a lock",
    asyncpg.exceptions.QueryCanceledError: "it didn't answer in time, or was told to cancel the statement",
    SSLCertVerificationError: "its certificate isn't one to trust; see sslrootcert",
    TimeoutError: "it didn't answer in time",
    OSError: "it can't be reached",
}


class OtherLoopError(EngineClosedError, RuntimeError):
    """The given pool belongs to another event loop, which may be closed, so the engine can't be used in this one."""


class Refused(Exception):  # noqa: N818 - an answer, for the writers of this package
    """The server refused a row, or one of several. Nothing of the statement is stored.

    The reason may be a constraint, a trigger or row security. The cause is the driver's error.
    """

    def __init__(self, error: asyncpg.PostgresError) -> None:
        super().__init__(str(error))
        self.error = error
        self.__cause__ = error


@contextmanager
def translated(name: str, *, connecting: bool = False) -> Iterator[None]:
    """Raises errors of the driver and the network as nact's, with the name of the database and advice.

    Errors in `RACED` pass as they are: only the writer of the rows knows what they mean.

    Raises:
        Refused: In place of an error that can be due to the rows.
        CorruptJournalError: Text that was read isn't UTF-8, as in a database with the encoding SQL_ASCII.
        EngineUnavailableError: In place of all others; an `OutcomeUnknownError` unless nothing was stored.
    """
    try:
        yield
    except RACED:
        raise
    except UnicodeDecodeError as error:
        raise CorruptJournalError(f"{name} holds text that isn't UTF-8: {error}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, UnicodeError) as error:
        if not connecting and isinstance(error, asyncpg.PostgresError) and _can_be_due_to_rows(error):
            raise Refused(error) from error
        known = connecting or is_answer(error)
        raise engine_unavailable(f"{name}: {_reason(error)}", outcome_known=known) from error


def unavailable(name: str, error: Exception) -> NactError:
    """The error in place of `Refused` or of one in `RACED` where no row is at fault: in a read or a deletion."""
    driver_error = error.error if isinstance(error, Refused) else error
    told: NactError
    if isinstance(driver_error, asyncpg.exceptions.UntranslatableCharacterError):  # of what is asked for
        told = InvalidEventError(f"{name}: its encoding lacks a character: {driver_error}")
    elif isinstance(driver_error, asyncpg.exceptions.CharacterNotInRepertoireError):  # of what is stored
        told = CorruptJournalError(f"{name} holds text that can't be read: {driver_error}")
    else:
        told = EngineUnavailableError(f"{name}: {_reason(driver_error)}")
    told.__cause__ = driver_error
    return told


def refused(what: str, error: Exception, *, in_doubt: bool, advice: str | None = None) -> NactError:
    """The error for the writer of a single row that the server refused.

    It has the server's message, without the details, which would show the row.

    Args:
        what: Names the event or snapshot.
        error: See `translated`.
        in_doubt: An earlier attempt may have stored it.
        advice: The reason, if it isn't the row.
    """
    driver_error = error.error if isinstance(error, Refused) else error
    if isinstance(driver_error, asyncpg.InsufficientPrivilegeError):
        advice = _ADVICE[asyncpg.InsufficientPrivilegeError]
    code = getattr(driver_error, "sqlstate", None) or ""
    words = f"{type(driver_error).__name__}: {driver_error.args[0] if driver_error.args else ''}"
    text = f"Postgres refused {what}: {words if advice is None else f'{advice} ({words})'}"
    told: NactError
    if in_doubt or advice is not None or code[:2] in _NOT_OF_ROWS or code[:2] == "XX":
        told = engine_unavailable(text, outcome_known=not in_doubt)
    else:
        told = InvalidEventError(text)
    told.__cause__ = driver_error
    return told


def _can_be_due_to_rows(error: asyncpg.PostgresError) -> bool:
    """Whether the error may concern these rows, so that the server would take others."""
    code = error.sqlstate or ""
    if not is_answer(error) or isinstance(error, _REPLANNED):
        return False
    if isinstance(error, asyncpg.exceptions.InsufficientPrivilegeError):
        return True  # row security says it in the same way
    if code[:2] in {"0A", "3F", "42"}:
        return bool(error.context)  # the server names the function, of a trigger, in which it happened
    return code[:2] not in _NOT_OF_ROWS


def unconfirmed(name: str) -> EngineUnavailableError:
    """The error for a transaction that was committed without its standby, since the wait for that was cancelled."""
    error = OutcomeUnknownError(f"{name}: its standby may not have what was committed")
    error.__cause__ = asyncpg.exceptions.OperatorInterventionError("the wait for synchronous replication was cancelled")
    return error


def is_answer(error: BaseException | None) -> bool:
    """Whether the server answered that the statement failed: it undid it, and goes on serving this connection.

    A FATAL error is no such answer: a server that shuts down may have committed before it sent that.
    """
    return (
        isinstance(error, asyncpg.PostgresError)
        and getattr(error, "severity_en", None) == "ERROR"
        and not isinstance(error, asyncpg.PostgresConnectionError | asyncpg.exceptions.StatementCompletionUnknownError)
    )


def may_pass(error: BaseException | None) -> bool:
    """Whether another attempt, on a new connection, may soon succeed."""
    if isinstance(error, asyncpg.InterfaceError):
        # The driver's word for a connection that broke; not for a pool that its owner closed.
        return "pool is" not in str(error) and not isinstance(error, asyncpg.exceptions.ClientConfigurationError)
    return isinstance(error, _PASSING) and not isinstance(error, _WRONG)


def keeps_connection(error: BaseException | None) -> bool:
    """Whether the connection that the error came from is as good as before."""
    if isinstance(error, EngineUnavailableError | Refused):
        error = error.__cause__
    return is_answer(error) and not isinstance(error, asyncpg.exceptions.ReadOnlySQLTransactionError)


def _reason(error: Exception) -> str:
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
    return told if advice is None else f"{advice} ({told})"
