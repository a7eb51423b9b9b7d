"""Translates the drivers' errors to nact's, by what the caller can do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WriteConcernError,
    WriteError,
    WTimeoutError,
)

from nact.errors import EngineClosedError, InvalidEventError, NactError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable

DUPLICATE = 11000
OTHER_COLLECTION = 361
"""The server's code for a collection that isn't the one whose UUID the command names."""

# The server was interrupted, is stepping down or shutting down, has just started, or timed out: try again.
_PASSING = frozenset(
    {6, 7, 24, 43, 50, 64, 89, 91, 100, 112, 134, 189, 237, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436}
)
_LOGIN = frozenset({8, 11, 13, 18, 33, 8000})

# With these codes the server refuses a command before it begins. With any other, a part may have taken effect.
_REFUSED_UNBEGUN = frozenset({2, 9, 13, 14, 18, 26, 59, 72, 166, OTHER_COLLECTION, 8000})

_PLACE = {"key": 1, "sequence_number": 1}

_NEVER_LEFT = ServerSelectionTimeoutError | WaitQueueTimeoutError | ConfigurationError | InvalidOperation


class OtherLoopError(EngineClosedError, RuntimeError):
    """The client belongs to another event loop, so the engine can't be used in this one."""


class RefusedWriteError(WriteError):
    """The server refused the only document of a command, so the command stored nothing."""


def is_place_taken(failure: Mapping[str, Any]) -> bool:
    """True if the unique index on key and number refused the document, and not another unique index."""
    return failure.get("code") == DUPLICATE and dict(failure.get("keyPattern", _PLACE)) == _PLACE


def is_passing(error: PyMongoError) -> bool:
    """True if another attempt may succeed."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WriteConcernError | WTimeoutError) or error.timeout:
        return True
    if isinstance(error, OperationFailure) and not isinstance(error, BulkWriteError):
        return error.code in _PASSING or error.has_error_label("RetryableWriteError")
    return False


def is_passing_code(failure: Mapping[str, Any]) -> bool:
    """The same for one failure among the answers to a command."""
    return failure.get("code") in _PASSING


def is_unbegun_code(failure: Mapping[str, Any]) -> bool:
    """True if the failure is about the command (rights, another collection), and not about the document."""
    return failure.get("code") in _REFUSED_UNBEGUN


def may_be_done(error: PyMongoError) -> bool:
    """True unless it is proven that the command had no effect."""
    if isinstance(error, RefusedWriteError):
        return False
    if isinstance(error, OperationFailure) and not isinstance(error, BulkWriteError):
        return error.code not in _REFUSED_UNBEGUN
    return not isinstance(error, _NEVER_LEFT)


def translated(error: PyMongoError, *, outcome_known: bool) -> NactError:
    """The error of nact, to be raised from the driver's."""
    # EngineClosedError says that nothing was stored.
    if outcome_known and isinstance(error, InvalidOperation):
        return EngineClosedError(f"the MongoDB client is closed: {error}")
    return engine_unavailable(f"{_reason(error)} (MongoDB: {error})"[:1000], outcome_known=outcome_known)


def too_large(error: DocumentTooLarge, *, outcome_known: bool) -> NactError:
    """The error of nact for a document that the driver refuses to send."""
    text = f"MongoDB can't hold it: {error}"
    return InvalidEventError(text) if outcome_known else OutcomeUnknownError(text)


def refused(what: str, words: object, *, outcome_known: bool) -> NactError:
    """The error of nact for a document that the server's rules (validation, another unique index) refuse."""
    text = f"MongoDB refused {what}: {words}"[:1000]
    return InvalidEventError(text) if outcome_known else OutcomeUnknownError(text)


def _reason(error: PyMongoError) -> str:
    if isinstance(error, ServerSelectionTimeoutError):
        return "no primary server can be reached"
    if isinstance(error, NotPrimaryError):
        return "the server isn't the primary any more"
    if isinstance(error, WriteConcernError | WTimeoutError):
        return "too few members of the replica set confirmed the write in time"
    if error.timeout:
        return "the server didn't answer in time"
    if isinstance(error, OperationFailure) and error.code in _LOGIN:
        return "the server refuses this user, or what it may do"
    if isinstance(error, OperationFailure) and error.code == OTHER_COLLECTION:
        return "the collection was dropped or replaced since the engine opened it; make a new engine"
    if isinstance(error, OperationFailure):
        return "the server refused"
    return "the connection to the server failed"
