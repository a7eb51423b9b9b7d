"""Checks that an engine implements the methods that it seems to have.

A class may inherit a Protocol of the contract without implementing it. Python then calls the Protocol's empty method: a
`persist` that returns at once and stores nothing.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any, Final

from nact.persistence.engine import (
    AtomicBatches,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
    PersistenceEngine,
    SnapshotStore,
)

_CONTRACT: Final[tuple[type, ...]] = (
    PersistenceEngine,
    AtomicBatches,
    SnapshotStore,
    EventDeletion,
    HighestSequenceNumber,
    KeyListing,
)
_STREAMS: Final = frozenset({"events", "keys"})


def check_methods(engine: object) -> None:
    """Returns if the engine implements the methods that it has of the contract, each async or not as declared.

    Raises:
        TypeError: It doesn't. The message names the method.
    """
    for protocol in _CONTRACT:
        if isinstance(engine, protocol):
            for name, declared in vars(protocol).items():
                if isinstance(declared, FunctionType) and not name.startswith("_"):
                    _check_method(engine, protocol, name, declared)


def _check_method(engine: object, protocol: type, name: str, declared: FunctionType) -> None:
    kind = type(engine)
    method = getattr(engine, name)
    function: Any = inspect.unwrap(getattr(method, "__func__", method))
    where = f"{kind.__module__}.{kind.__qualname__}"
    if function is declared:
        raise TypeError(
            f"{where} inherits {protocol.__name__} without implementing {name}(): calling it would do nothing. "
            f"Implement {name}(), or don't inherit {protocol.__name__}"
        )
    if name in _STREAMS:
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"{where}.{name}() must be an async generator, or return one: `async for` reads it")
    elif _is_sync(function):
        raise TypeError(f"{where}.{name}() must be async: it is awaited (`async def {name}(...)`)")


def _is_sync(function: Any) -> bool:
    """True if its result is not awaitable. A plain function with a return annotation may return an awaitable."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return True
    if not isinstance(function, FunctionType) or inspect.iscoroutinefunction(function):
        return False
    try:
        returns = function.__annotations__.get("return")
    except NameError:  # Python 3.14 evaluates annotations here
        return False
    return returns in {None, "None"}
