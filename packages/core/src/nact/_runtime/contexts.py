"""The contexts (`contextvars`) that handlers run in: each message begins with the values set before the system started.

A context for each message would cost too much, so a worker serves many messages in one. After each message it compares
its context with the system's, which costs next to nothing while nothing is set, and takes a new one if they differ.
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
    """A copy of the current context, for a system's handlers to begin with.

    Decimal contexts are mutable, and a copy shares them. One with the default settings is left out: each handler that
    computes with decimals then gets a new one with the same settings.
    """
    now = copy_context()
    if not any(_is_default_decimal_context(value) for value in now.values()):
        return now
    base = Context()
    for variable, value in now.items():
        if not _is_default_decimal_context(value):
            base.run(variable.set, value)
    return base


def have_diverged(context: Context, base: Context) -> bool:
    """Tells whether a handler has changed the context. Values are compared with `==`."""
    try:
        return context != base
    except Exception:  # an application's value whose comparison raises
        return True


@coroutine
def run_in(context: Context, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Runs the work in the context, instead of its task's own."""
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
