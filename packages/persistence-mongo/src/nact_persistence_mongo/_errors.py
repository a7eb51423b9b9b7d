"""Every error of the driver as one of nact's: which one depends on what the caller can do about it."""

from __future__ import annotations

import copy
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
    WTimeoutError,
)

from nact.errors import EngineClosedError, EngineUnavailableError, InvalidEventError, NactError

DUPLICATE = 11000

# The server was interrupted, is stepping down or shutting down, has just started, or waited in vain: worth another try.
_PASSING = frozenset({6, 7, 24, 50, 64, 89, 91, 100, 112, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
_LOGIN = frozenset({8, 11, 13, 18, 33, 8000})


def is_passing(error: PyMongoError) -> bool:
    """Whether the same again may succeed a moment later."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WriteConcernError | WTimeoutError) or error.timeout:
        return True
    if isinstance(error, OperationFailure) and not isinstance(error, BulkWriteError):
        return error.code in _PASSING or error.has_error_label("RetryableWriteError")
    return False


def is_passing_code(failure: Mapping[str, Any]) -> bool:
    """The same for one of the errors of a bulk write."""
    return failure.get("code") in _PASSING


def was_sent(error: PyMongoError) -> bool:
    """Whether the server may have done what it was asked for. A retry of the driver's counts as well."""
    return not isinstance(error, ServerSelectionTimeoutError | WaitQueueTimeoutError | ConfigurationError)


def translated(error: PyMongoError, *, outcome_known: bool) -> NactError:
    """The error of nact. Its cause is to be set to the driver's."""
    if isinstance(error, DocumentTooLarge):
        return InvalidEventError(f"MongoDB can't hold it: {error}")
    if isinstance(error, InvalidOperation):
        return EngineClosedError(f"the MongoDB client is closed: {error}")
    reason = _reason(error)
    refused = isinstance(error, OperationFailure) and not is_passing(error) and not isinstance(error, BulkWriteError)
    return EngineUnavailableError(f"{reason} (MongoDB: {error})"[:1000], outcome_known=outcome_known or refused)


def for_one(error: NactError) -> NactError:
    """A copy for each of many: an error raised in many places gathers all their tracebacks."""
    mine = copy.copy(error)
    mine.__cause__ = error.__cause__
    return mine


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
    if isinstance(error, OperationFailure):
        return "the server refused"
    return "the connection to the server failed"
