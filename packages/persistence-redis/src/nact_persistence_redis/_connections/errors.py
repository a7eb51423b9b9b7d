"""Every error of Redis and of its driver as one of nact's: which one depends on what the caller can do about it."""

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
"""What the driver raises when it can't connect, send or read."""

# How the server says "not now" or "not here": worth another try, here or elsewhere.
_PASSING_CLASSES = (AskError, ClusterDownError, ReadOnlyError, TryAgainError)
_PASSING_WORDS = frozenset({"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "TRYAGAIN"})

_WORDS: dict[type, str] = {NoPermissionError: "NOPERM", OutOfMemoryError: "OOM"}  # the driver takes these words off
_ADVICE = {
    "MISCONF": "the server can't write to its disk, and refuses writes until it can",
    "NOAUTH": "the server wants a password; put it into the URL",
    "NOPERM": "the server's ACL doesn't allow it; the README lists what the engine needs",
    "NOREPLICAS": "the server wants more replicas than are there (min-replicas-to-write)",
    "OOM": "the server's memory is full (maxmemory); make room",
    "WRONGPASS": "the server refuses this user or password",
}


class InterruptedExchange(Exception):  # noqa: N818 (it isn't raised at users)
    """A connection couldn't be made, or broke before every reply was read.

    Attributes:
        was_sent: Whether something may have reached the server.
    """

    def __init__(self, was_sent: bool) -> None:
        super().__init__(was_sent)
        self.was_sent = was_sent


class PassingWeaknessError(EngineUnavailableError):
    """The server promises less than it has to, and may do better a moment later: when a replica has come back, say."""


def code(error: BaseException | str) -> str:
    """The word with which the server begins its error, as in `OOM command not allowed`."""
    text = str(error)
    if text.removeprefix("ERR ").startswith("The user executing the script"):  # so says Redis 7.0
        return "NOPERM"
    return _WORDS.get(type(error)) or text.partition(" ")[0]


def as_redirection(error: ResponseError) -> ResponseError:
    """The same error; as one of the driver's classes if it names another node, which redis-py 5 leaves to us."""
    word, _, where = str(error).partition(" ")
    kind = {"ASK": AskError, "MOVED": MovedError}.get(word)
    return error if kind is None else kind(where)


def is_passing(error: ResponseError) -> bool:
    """Whether a reply that is this error may be another one a moment later. Nothing was stored."""
    return isinstance(error, _PASSING_CLASSES) or code(error) in _PASSING_WORDS


def refusal(error: BaseException | str, key: str | None, outcome_known: bool = True) -> NactError:
    """The error of nact for a reply that is an error: the server did nothing."""
    word = code(error)
    if word == "WRONGTYPE":
        return CorruptJournalError("another kind of value stands under its name in Redis", key)
    advice = _ADVICE.get(word, "Redis refused it")
    return engine_unavailable(f"{advice} (Redis: {error})", outcome_known=outcome_known)


def unavailable(cause: BaseException | None, outcome_known: bool) -> EngineUnavailableError:
    """The error of nact for a server that couldn't be reached, or didn't answer, for as long as it was tried."""
    match cause:
        case AuthenticationError():
            reason = "Redis refuses this user or password"
        case TimeoutError():
            reason = "Redis didn't answer in time"
        case _:
            reason = "Redis can't be reached"
    return engine_unavailable(f"{reason} ({type(cause).__name__}: {cause})", outcome_known=outcome_known)
