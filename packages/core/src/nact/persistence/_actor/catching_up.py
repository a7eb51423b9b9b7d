"""Brings an actor up to date after a write with an unknown outcome: it reads only the events after its state.

That takes one small read; a recovery reads the snapshot and every event after it. It is right only if the handler
can't have changed the state in place before it failed, so it is done for immutable states only (ADR 51).
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic
from uuid import UUID

import msgspec

from nact.persistence._actor.reading import Reader, Start
from nact.persistence._actor.recovery import ReplayTarget, apply_event
from nact.persistence.context import PersistentContext

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact.persistence._actor.recovery_slots import RecoverySlot

MOST_PARTS: Final = 10_000
"""A state of more parts isn't examined: a recovery may be cheaper."""

_ATOMS: Final = frozenset(
    {type(None), bool, int, float, complex, str, bytes, Decimal, date, datetime, time, timedelta, UUID, range}
)


async def catch_up(
    cell: Cell,
    journal: ReplayTarget,
    reader: Reader,
    context: PersistentContext[Any, Any],
    slot: RecoverySlot,
) -> bool:
    """Applies the events that `reader` finds to the cell's state, which must be immutable.

    Returns:
        False if the journal is no longer the one that was read, or the actor has other orders. The state is as before.

    Raises:
        Exception: The journal can't be read, or the handler raised. The state is as before.
    """
    state, apply = cell.state, journal.options.apply
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                return False
            msg = reader.decode(item)
            journal.replayed = item
            if apply is not None:
                state = apply_event(apply, state, msg, item)
            else:
                async with slot.lendable():
                    result = cell.f(state, msg, context)
                    state = await result if hasattr(result, "__await__") else result
            if item.metadata:
                journal.commands.remember(item)
            if cell.orders:
                return False
    if cell.orders:
        return False
    cell.state = state
    return True


def is_immutable(state: object) -> bool:
    """Tells whether everything that can be reached from the state is immutable."""
    to_see = [state]
    seen = 0
    while to_see:
        part = to_see.pop()
        seen += 1
        if seen > MOST_PARTS:
            return False
        if type(part) in _ATOMS or isinstance(part, Enum):
            continue
        parts = _parts(part)
        if parts is None:
            return False
        to_see.extend(parts)
    return True


def _adds_nothing_mutable(base: type) -> bool:
    """Tells whether a frozen dataclass inherits nothing but fields from this base: from a list it would have items."""
    params = vars(base).get("__dataclass_params__")
    return base in {object, Generic, ABC} if params is None else params.frozen


def _parts(value: object) -> Iterable[object] | None:
    """The parts of an immutable container; `None` for any other value."""
    kind = type(value)
    if kind is tuple or kind is frozenset:
        return value  # type: ignore[return-value]
    if isinstance(value, tuple) and hasattr(kind, "_fields") and not hasattr(value, "__dict__"):
        return value
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__ if value.__struct_config__.frozen else None
    elif is_dataclass(kind) and all(map(_adds_nothing_mutable, kind.__mro__)):
        fields = tuple(kind.__dataclass_fields__)
    else:
        return None
    kept = getattr(value, "__dict__", {})  # a cached property, say
    return None if fields is None else [*kept.values(), *(getattr(value, name, None) for name in fields)]
