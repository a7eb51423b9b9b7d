"""The engine's options, and the checks of its constructor's arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar, get_args

from nact.persistence.records import is_unicode
from nact_persistence_redis._routing.durability import Durability, IfWeaker
from nact_persistence_redis._statements.names import Names

T = TypeVar("T")

_LONGEST_WAIT = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The engine's options; see `RedisPersistenceEngine`."""

    names: Names
    durability: Durability
    if_weaker: IfWeaker
    replicas: int
    timeout: float
    retry_for: float
    max_batch: int


def checked_prefix(prefix: object) -> str:
    if not isinstance(prefix, str) or not is_unicode(prefix) or "{" in prefix or "}" in prefix:
        raise ValueError(f"prefix must be text without braces, which Redis Cluster hashes by, not {prefix!r}")
    return prefix


def checked_durability(durability: Durability) -> Durability:
    return _one_of("durability", durability, get_args(Durability))


def checked_if_weaker(if_weaker: IfWeaker) -> IfWeaker:
    return _one_of("if_weaker", if_weaker, get_args(IfWeaker))


def checked_seconds(name: str, seconds: object) -> float:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or not 0 < seconds <= _LONGEST_WAIT:
        raise ValueError(f"{name} must be a number of seconds above 0, up to {_LONGEST_WAIT}, not {seconds!r}")
    return float(seconds)


def checked_count(name: str, count: int, least: int) -> int:
    if type(count) is not int or count < least:
        raise ValueError(f"{name} must be an int from {least}, not {count!r}")
    return count


def _one_of(name: str, value: T, allowed: tuple[T, ...]) -> T:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value
