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
    WriteError,
    WTimeoutError,
)

from nact.errors import EngineClosedError, InvalidEventError, NactError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable

DUPLICATE = 11000
OTHER_COLLECTION = 361
"""The collection isn't the one that the command names by its UUID."""

# The server was interrupted, is stepping down or shutting down, has just started, or waited in vain: worth another try.
_PASSING = frozenset(
    {6, 7, 24, 43, 50, 64, 89, 91, 100, 112, 134, 189, 237, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436}
)
_LOGIN = frozenset({8, 11, 13, 18, 33, 8000})

# The server refuses these before it begins, so no part of the command took effect. With any other code a part may have.
_REFUSED_UNBEGUN = frozenset({2, 9, 13, 14, 18, 26, 59, 72, 166, OTHER_COLLECTION, 8000})

_PLACE = {"key": 1, "sequence_number": 1}

_NEVER_LEFT = ServerSelectionTimeoutError | WaitQueueTimeoutError | ConfigurationError | InvalidOperation


class OtherLoopError(EngineClosedError, RuntimeError):
    """The client belongs to another event loop, which may be closed: the engine can't be used here."""


class RefusedWriteError(WriteError):
    """The server refused the one document that a command had, so nothing was stored by it."""


def is_place_taken(failure: Mapping[str, Any]) -> bool:
    """Whether there is a document of this key and number, by the journal's own index and no other unique one."""
    return failure.get("code") == DUPLICATE and dict(failure.get("keyPattern", _PLACE)) == _PLACE


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


def is_unbegun_code(failure: Mapping[str, Any]) -> bool:
    """Whether it is about the command (rights, another collection), and not about the document to be written."""
    return failure.get("code") in _REFUSED_UNBEGUN


def may_be_done(error: PyMongoError) -> bool:
    """Whether the server may have done what the one command asked for. Only a proof makes it False."""
    if isinstance(error, RefusedWriteError):
        return False
    if isinstance(error, OperationFailure) and not isinstance(error, BulkWriteError):
        return error.code not in _REFUSED_UNBEGUN
    return not isinstance(error, _NEVER_LEFT)


def translated(error: PyMongoError, *, outcome_known: bool) -> NactError:
    """The error of nact. Its cause is to be set to the driver's."""
    # By its class this one says that nothing was stored.
    if outcome_known and isinstance(error, InvalidOperation):
        return EngineClosedError(f"the MongoDB client is closed: {error}")
    return engine_unavailable(f"{_reason(error)} (MongoDB: {error})"[:1000], outcome_known=outcome_known)


def too_large(error: DocumentTooLarge, *, outcome_known: bool) -> NactError:
    """The error of nact for what the driver doesn't send, with an error that is none of PyMongo's own."""
    text = f"MongoDB can't hold it: {error}"
    return InvalidEventError(text) if outcome_known else OutcomeUnknownError(text)


def refused(what: str, words: object, *, outcome_known: bool) -> NactError:
    """The error of nact for what the server's rules (validation, a unique index of one's own) don't let in."""
    text = f"MongoDB refused {what}: {words}"[:1000]
    return InvalidEventError(text) if outcome_known else OutcomeUnknownError(text)


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
    if isinstance(error, OperationFailure) and error.code == OTHER_COLLECTION:
        return "the collection was dropped or replaced since the engine opened it; make a new engine"
    if isinstance(error, OperationFailure):
        return "the server refused"
    return "the connection to the server failed"
