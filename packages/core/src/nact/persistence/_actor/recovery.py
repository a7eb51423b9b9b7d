"""Restores the state of a persistent actor from its journal, by its handler or by `apply`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from nact._actor.life import NO_STATE, initial_state_of
from nact._actor.supervision import supervise
from nact.errors import CorruptJournalError
from nact.persistence._actor.commands import Commands
from nact.persistence._actor.options import JournalOptions
from nact.persistence._actor.reading import Reader, Start
from nact.persistence._actor.recovery_slots import RecoverySlot
from nact.persistence.context import PersistentContext
from nact.persistence.records import PersistedEvent

if TYPE_CHECKING:
    from nact._actor.cell import Cell

logger = logging.getLogger("nact.persistence")


class ReplayTarget(Protocol):
    """The part of an actor's journal that a replay updates."""

    replayed: PersistedEvent | None

    @property
    def commands(self) -> Commands: ...

    @property
    def options(self) -> JournalOptions: ...


async def recover_state(  # noqa: PLR0915 - the hot path
    cell: Cell, journal: ReplayTarget, reader: Reader, context: PersistentContext[Any, Any], slot: RecoverySlot
) -> bool:
    """Gives the cell the state that follows from the journal: its handler handles the events one after another.

    The policy decides about a fault of the handler as usual. If it resumes, the event is skipped, as it was when live.

    Returns:
        False if the actor was told to stop, or was reset.

    Raises:
        CorruptJournalError: The journal can't be read.
    """
    if cell.is_stopping:
        return False
    f, initial_state = cell.f, cell.state
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                cell.state = item.state if item.sequence_number else await _initial_state(cell, initial_state, slot)
                initial_state = NO_STATE
                _restore_commands(journal, reader, item)
                continue
            msg = reader.decode(item)
            journal.replayed = item
            if item.metadata:
                journal.commands.remember(item)
            slot.is_lendable = True  # `lendable`, without the calls
            try:
                result = f(cell.state, msg, context)
                if type(result) is CoroutineType or hasattr(result, "__await__"):
                    result = await result
            except Exception as error:
                await supervise(cell, msg, error)
            else:
                cell.state = result
            slot.is_lendable = False
            if slot.is_lent:
                await slot.take()
            if cell.orders:
                return False
    if logger.isEnabledFor(logging.DEBUG):
        _log_recovered(cell, reader)
    return True


async def fold_state(
    cell: Cell, journal: ReplayTarget, reader: Reader, apply: Callable[[Any, Any], Any], slot: RecoverySlot
) -> bool:
    """Gives the cell the state that follows from the journal: `apply` folds the events, the handler isn't called.

    Returns:
        False if the actor was told to stop, or was reset.

    Raises:
        CorruptJournalError: The journal can't be read, or `apply` refuses an event.
    """
    if cell.is_stopping:
        return False
    initial_state = cell.state
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                cell.state = item.state if item.sequence_number else await _initial_state(cell, initial_state, slot)
                initial_state = NO_STATE
                _restore_commands(journal, reader, item)
                continue
            cell.state = apply_event(apply, cell.state, reader.decode(item), item)
            if item.metadata:
                journal.commands.remember(item)
            if cell.orders:
                return False
    if logger.isEnabledFor(logging.DEBUG):
        _log_recovered(cell, reader)
    return True


def apply_event(apply: Callable[[Any, Any], Any], state: Any, event: Any, record: PersistedEvent) -> Any:
    """The state after the event.

    Raises:
        CorruptJournalError: `apply` raised.
    """
    try:
        return apply(state, event)
    except Exception as error:
        raise CorruptJournalError(f"apply refuses it: {error!r}", record.key, record.sequence_number) from error


def _restore_commands(journal: ReplayTarget, reader: Reader, start: Start) -> None:
    """Restores the remembered commands from the snapshot's metadata.

    Raises:
        CorruptJournalError: The metadata holds something else in their place.
    """
    try:
        journal.commands.restore(start.metadata)
    except ValueError as error:
        raise CorruptJournalError(f"its snapshot: {error}", reader.key, start.sequence_number) from error


async def _initial_state(cell: Cell, made: Any, slot: RecoverySlot) -> Any:
    """The initial state made before; or a fresh one if the reading started again, since a handler may change it."""
    if made is not NO_STATE:
        return made
    async with slot.lendable():
        return await initial_state_of(cell)


def _log_recovered(cell: Cell, reader: Reader) -> None:
    key, number, path = reader.key, reader.position, cell.ref.path
    logger.debug(
        "%s has recovered key %r: it goes on after event %d, having begun with the snapshot at %d",
        path, key, number, reader.start.sequence_number,
        extra={"nact_actor": path, "nact_key": key, "nact_sequence_number": number},
    )  # fmt: skip
