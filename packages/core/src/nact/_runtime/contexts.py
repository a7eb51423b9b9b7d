"""The contexts (`contextvars`) that handlers run in: each message begins with what was set before the system started.

A worker serves many messages in one context, for a new one each would be felt. So it compares its context with the
system's after each message, which costs next to nothing as long as nothing was set, and goes on in a fresh one where
they differ.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_DECIMAL_SETTINGS: Final = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")


def base_context() -> Context:
    """A copy of the context that a system is started in, for its handlers to begin with.

    A decimal context is changed in place, so that a copy of the context shares it. Where it has the default settings
    it is left out: each handler that computes with decimals then makes one of its own, with the same settings.
    """
    now = copy_context()
    if not any(_is_default_decimal_context(value) for value in now.values()):
        return now
    base = Context()
    for variable, value in now.items():
        if not _is_default_decimal_context(value):
            base.run(variable.set, value)
    return base


def differ(context: Context, base: Context) -> bool:
    """Whether a handler has changed the context. It is told by the values; a new one that is equal is no change."""
    try:
        return context != base
    except Exception:  # somebody's values that can't be compared
        return True


@coroutine
def stepped_in(context: Context, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Does the work in another context than that of its task."""
    step: Callable[[Any], Any] = work.send
    given: object = None
    while True:
        try:
            waits_for = context.run(step, given)
        except StopIteration as returned:
            result: T = returned.value
            return result
        finally:
            given = None
        try:
            step, given = work.send, (yield waits_for)
        except BaseException as error:
            step, given = work.throw, error


def _is_default_decimal_context(value: object) -> bool:
    decimal = sys.modules.get("decimal")
    if decimal is None or type(value) is not decimal.Context:
        return False
    default = decimal.DefaultContext
    return all(getattr(value, name) == getattr(default, name) for name in _DECIMAL_SETTINGS)
