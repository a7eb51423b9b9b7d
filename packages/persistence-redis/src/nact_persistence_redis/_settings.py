"""Arguments, checked where they are given."""

from __future__ import annotations

import math
from typing import TypeVar, get_args

from nact.errors import InvalidEventError
from nact.persistence.records import MAX_SEQUENCE_NUMBER, is_unicode
from nact_persistence_redis._durability import Durability, IfWeaker

T = TypeVar("T")

_LONGEST_WAIT = 86_400


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


def checked_up_to(up_to: int) -> int:
    """The bound; a larger one than there can be is the largest that there can be."""
    if type(up_to) is not int:
        raise InvalidEventError(f"up_to must be an int, not {up_to!r}")
    return max(0, min(up_to, MAX_SEQUENCE_NUMBER))


def checked_key_prefix(prefix: str) -> str:
    if type(prefix) is not str or not is_unicode(prefix):
        raise InvalidEventError(f"prefix must be a string of valid Unicode, not {prefix!r}")
    return prefix


def _one_of(name: str, value: T, allowed: tuple[T, ...]) -> T:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value
