"""Translates the errors of Redis and of its driver into nact's, by what the caller can do about them."""

from __future__ import annotations

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from nact.errors import CorruptJournalError, EngineUnavailableError, NactError
from nact.persistence.building.errors import engine_unavailable

DRIVER_ERRORS = (RedisError, RedisClusterException, OSError, TimeoutError)
"""The errors of a driver that can't connect, send or read."""

# The server says "not now" or "not here": another attempt may succeed, here or on another node.
_TRANSIENT_CLASSES = (AskError, ClusterDownError, ReadOnlyError, TryAgainError)
_TRANSIENT_WORDS = frozenset({"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN"})

_WORDS: dict[type, str] = {NoPermissionError: "NOPERM", OutOfMemoryError: "OOM"}  # the driver removes these words
_ADVICE = {
    "MISCONF": "the server can't write to its disk, and refuses writes until it can",
    "NOAUTH": "the server wants a password; put it into the URL",
    "NOPERM": "the server's ACL doesn't allow it; the README lists what the engine needs",
    "NOREPLICAS": "the server wants more replicas than are there (min-replicas-to-write)",
    "OOM": "the server's memory is full (maxmemory); make room",
    "WRONGPASS": "the server refuses this user or password",
}


class InterruptedExchange(Exception):  # noqa: N818 (users never see it)
    """A connection couldn't be made, or broke before every reply was read.

    Attributes:
        was_sent: Whether something may have reached the server.
    """

    def __init__(self, was_sent: bool) -> None:
        super().__init__(was_sent)
        self.was_sent = was_sent


class TransientWeaknessError(EngineUnavailableError):
    """The server promises less than it has to, for the moment: until a replica has come back, say."""


def error_code(error: BaseException | str) -> str:
    """The first word of a server's error, as in `OOM command not allowed`."""
    text = str(error)
    if text.removeprefix("ERR ").startswith("The user executing the script"):  # the words of Redis 7.0
        return "NOPERM"
    return _WORDS.get(type(error)) or text.partition(" ")[0]


def as_redirection(error: ResponseError) -> ResponseError:
    """The error, as one of the driver's classes if it names another node: redis-py 5 gives such an error no class."""
    word, _, where = str(error).partition(" ")
    kind = {"ASK": AskError, "MOVED": MovedError}.get(word)
    return error if kind is None else kind(where)


def is_transient(error: ResponseError) -> bool:
    """Whether the server refused for the moment only. It stored nothing."""
    return isinstance(error, _TRANSIENT_CLASSES) or error_code(error) in _TRANSIENT_WORDS


def refusal(error: BaseException | str, key: str | None, outcome_known: bool = True) -> NactError:
    """The error of nact for a reply that is an error. The server did nothing."""
    word = error_code(error)
    if word == "WRONGTYPE":
        return CorruptJournalError("another kind of value stands under its name in Redis", key)
    advice = _ADVICE.get(word, "Redis refused it")
    return engine_unavailable(f"{advice} (Redis: {error})", outcome_known=outcome_known)


def unavailable(cause: BaseException | None, outcome_known: bool) -> EngineUnavailableError:
    """The error of nact for a server that couldn't be reached, or didn't answer, until the time was over."""
    match cause:
        case AuthenticationError():
            reason = "Redis refuses this user or password"
        case TimeoutError():
            reason = "Redis didn't answer in time"
        case _:
            reason = "Redis can't be reached"
    return engine_unavailable(f"{reason} ({type(cause).__name__}: {cause})", outcome_known=outcome_known)
