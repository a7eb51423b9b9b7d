"""Checks the arguments that all kinds of `spawn` share."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from functools import partial
from operator import is_
from types import FunctionType
from typing import Any, Final, Generic, NamedTuple, TypedDict, TypeVar

from nact.durations import Duration, in_seconds
from nact.supervision import SupervisionPolicy, stop_on_crash

_NAME = re.compile(r"[A-Za-z0-9\-$_.+!*'(),]+")

_RUNS_NOTHING = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


State = TypeVar("State")
Ctx = TypeVar("Ctx")


class StatelessOptions(TypedDict, total=False):
    """The options that every kind of actor has.

    Attributes:
        shutdown_after: Stops the actor after it has been idle for this time: seconds, or a `timedelta`.
        mailbox_limit: The number of messages that may wait. When the mailbox is full, a `query` fails with
            `MailboxFullError`, and a dispatched message is a dead letter. By default the `mailbox_limit` of `start`
            applies, if it has one; `sys.maxsize` stands for no limit.
        on_crash: The supervision policy. By default the fault is logged, and an actor with a state is stopped.
    """

    shutdown_after: Duration | None
    mailbox_limit: int | None
    on_crash: SupervisionPolicy | None


class SpawnOptions(StatelessOptions, Generic[State, Ctx], total=False):
    """The options of actors with a state: those of `StatelessOptions`, and one more.

    Attributes:
        after_stop: Called as `after_stop(state, ctx)` with the last state, after the actor's descendants have ended;
            sync or async.
    """

    after_stop: Callable[[State, Ctx], object] | None


class Options(NamedTuple):
    """The options of one actor, checked."""

    initial_state: Any = None
    initial_state_func: Callable[[Any], Any] | None = None
    on_crash: SupervisionPolicy = stop_on_crash
    after_stop: Callable[[Any, Any], Any] | None = None
    shutdown_after: float | None = None
    mailbox_limit: int | None = None


_is_none: Final = partial(is_, None)

_DEFAULTS: Final = Options()
"""Shared by all actors without options, to save memory."""


def checked_options(
    *,
    initial_state: Any = None,
    initial_state_func: Callable[[Any], Any] | None = None,
    on_crash: SupervisionPolicy | None = None,
    after_stop: Callable[[Any, Any], Any] | None = None,
    shutdown_after: Duration | None = None,
    mailbox_limit: int | None = None,
    default_policy: SupervisionPolicy = stop_on_crash,
) -> Options:
    """Checks the options.

    Raises:
        TypeError, ValueError: An option is invalid. The message names it.
    """
    given = initial_state, initial_state_func, on_crash, after_stop, shutdown_after, mailbox_limit
    if default_policy is stop_on_crash and all(map(_is_none, given)):
        return _DEFAULTS
    if initial_state_func is not None:
        if initial_state is not None:
            raise ValueError("give initial_state or initial_state_func, not both")
        check_callable("initial_state_func", initial_state_func)
    if on_crash is not None:
        check_callable("on_crash", on_crash)
    if after_stop is not None:
        check_callable("after_stop", after_stop)
    return Options(
        initial_state,
        initial_state_func,
        default_policy if on_crash is None else on_crash,
        after_stop,
        None if shutdown_after is None else in_seconds(shutdown_after, "shutdown_after"),
        checked_limit(mailbox_limit),
    )


def check_names(function: str, options: Collection[str], known: Collection[str]) -> None:
    """Raises `TypeError` if there is an option that the function doesn't know."""
    for name in options:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(known))}"
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")


def checked_limit(value: int | None) -> int | None:
    """Returns the `mailbox_limit`, or raises if it is invalid."""
    if value is None:
        return None
    if type(value) is not int:
        raise TypeError(f"mailbox_limit must be a number of messages, an int, not {value!r}")
    if value < 1:
        raise ValueError(f"mailbox_limit must be at least 1 message, not {value!r}; sys.maxsize stands for no limit")
    return value


def check_callable(argument: str, value: object) -> None:
    """Raises `TypeError` if the argument isn't a function, or is one that does nothing when it is called."""
    if type(value) is FunctionType and not value.__code__.co_flags & _RUNS_NOTHING:
        return  # the usual case, without further calls: actors are spawned by the thousand
    if not callable(value):
        raise TypeError(f"{argument} must be a function, not {value!r}")
    called: Any = value
    if not inspect.isroutine(called) and not isinstance(called, (partial, type)):
        called = getattr(type(value), "__call__", None)  # noqa: B004 - to look at it
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise TypeError(
            f"{argument} must not be a generator function: {value!r} has a `yield`, so calling it runs nothing"
        )


def check_name(name: object, *, argument: str = "name") -> None:
    """Raises if the name of an actor or a system is invalid."""
    if not isinstance(name, str):
        raise TypeError(f"{argument} must be a str, not {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{argument} must be made of A-Z a-z 0-9 - $ _ . + ! * ' ( ) , and not be empty, not {name!r}")
