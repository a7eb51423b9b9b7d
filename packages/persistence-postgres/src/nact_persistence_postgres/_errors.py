"""Every error of asyncpg and of the network as one of nact's: which one depends on what the caller can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError

import asyncpg

from nact.errors import EngineUnavailableError

REFUSED = (
    asyncpg.exceptions.DataError,  # class 22: text that the database's encoding lacks, JSON that jsonb can't hold
    asyncpg.exceptions.ProgramLimitExceededError,  # a key that is too long for its index
    asyncpg.exceptions.CheckViolationError,
    asyncpg.exceptions.NotNullViolationError,
    asyncpg.exceptions.ForeignKeyViolationError,
)
"""What Postgres raises for the values of a row. Nothing of the statement is stored."""

RACED = (
    asyncpg.exceptions.UniqueViolationError,
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
)
"""Another writer was there first. Nothing of the statement is stored; tried again, it sees what the other one did."""

OVERTAKEN = (
    asyncpg.exceptions.DuplicateTableError,
    asyncpg.exceptions.DuplicateColumnError,
    asyncpg.exceptions.DuplicateSchemaError,
    asyncpg.exceptions.LockNotAvailableError,
    *RACED,
)
"""Somebody else makes or alters the same tables, or keeps them locked for the moment."""

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
    asyncpg.exceptions.InsufficientPrivilegeError: "its role lacks a privilege; the README lists those that it needs",
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


@contextmanager
def translated(name: str, *, connecting: bool = False) -> Iterator[None]:
    """Raises what comes from the driver and the network as nact's, naming the database and what would help.

    What is in `REFUSED` and `RACED` passes as it is: only who wrote the rows can tell what it means.

    Raises:
        EngineUnavailableError: In place of all others; its `outcome_known` says what is certain.
    """
    try:
        yield
    except (*REFUSED, *RACED):
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        known = connecting or is_answer(error)
        raise EngineUnavailableError(f"{name}: {_reason(error)}", outcome_known=known) from error


def unavailable(name: str, error: BaseException) -> EngineUnavailableError:
    """What `REFUSED` and `RACED` mean to those who don't know which row is at fault. Nothing is stored."""
    return EngineUnavailableError(f"{name}: {type(error).__name__}: {error}", outcome_known=True)


def unconfirmed(name: str) -> EngineUnavailableError:
    """A transaction was committed without its standby, which it was told not to wait for any longer."""
    error = EngineUnavailableError(f"{name}: its standby may not have what was committed", outcome_known=False)
    error.__cause__ = asyncpg.exceptions.OperatorInterventionError("the wait for synchronous replication was cancelled")
    return error


def is_answer(error: BaseException | None) -> bool:
    """Whether the server itself said that the statement failed, and so undid it, and goes on serving this connection.

    A FATAL error isn't one: a server that shuts down may have committed before it said so.
    """
    return (
        isinstance(error, asyncpg.PostgresError)
        and getattr(error, "severity_en", None) == "ERROR"
        and not isinstance(error, asyncpg.PostgresConnectionError | asyncpg.exceptions.StatementCompletionUnknownError)
    )


def may_pass(error: BaseException | None) -> bool:
    """Whether the same again, on a new connection, can have another result soon."""
    if isinstance(error, asyncpg.InterfaceError):
        # The driver's word for a connection that broke; not for a pool that its owner closed.
        return "pool is" not in str(error) and not isinstance(error, asyncpg.exceptions.ClientConfigurationError)
    return isinstance(error, _PASSING) and not isinstance(error, _WRONG)


def keeps_connection(error: BaseException | None) -> bool:
    """Whether the connection that the error came from is as good as before."""
    return is_answer(error) and not isinstance(error, asyncpg.exceptions.ReadOnlySQLTransactionError)


def _reason(error: Exception) -> str:
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
    return told if advice is None else f"{advice} ({told})"
