"""How a persistent actor gets its state back."""

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
from nact.persistence._actor.slots import Slot
from nact.persistence.context import PersistentContext
from nact.persistence.records import PersistedEvent

if TYPE_CHECKING:
    from nact._actor.cell import Cell

logger = logging.getLogger("nact.persistence")


class Replaying(Protocol):
    """What a replay tells the journal of its actor."""

    replayed: PersistedEvent | None

    @property
    def commands(self) -> Commands: ...

    @property
    def options(self) -> JournalOptions: ...


async def recover_state(  # noqa: PLR0915 - the hot path
    cell: Cell, journal: Replaying, reader: Reader, context: PersistentContext[Any, Any], slot: Slot
) -> bool:
    """Gives the cell the state that the journal tells: what it read, handled one after another by its handler.

    A fault of the handler is judged like any other; if it resumes, the event is passed over, as it was when live.

    Returns:
        False if the actor was told to stop, or to begin again.

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
                begin_commands(journal, reader, item)
                continue
            msg = reader.decode(item)
            journal.replayed = item
            if item.metadata:
                journal.commands.note(item)
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


async def fold_state(cell: Cell, journal: Replaying, reader: Reader, apply: Callable[[Any, Any], Any]) -> bool:
    """Gives the cell the state that the journal tells: what it read, folded by `apply`. The handler isn't called.

    Returns:
        False if the actor was told to stop, or to begin again.

    Raises:
        CorruptJournalError: The journal can't be read, or `apply` refuses an event.
    """
    initial_state = cell.state
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                if item.sequence_number:
                    cell.state = item.state
                else:
                    cell.state = await initial_state_of(cell) if initial_state is NO_STATE else initial_state
                initial_state = NO_STATE
                begin_commands(journal, reader, item)
                continue
            cell.state = applied(apply, cell.state, reader.decode(item), item)
            if item.metadata:
                journal.commands.note(item)
            if cell.orders:
                return False
    if logger.isEnabledFor(logging.DEBUG):
        _log_recovered(cell, reader)
    return True


def applied(apply: Callable[[Any, Any], Any], state: Any, event: Any, record: PersistedEvent) -> Any:
    """The state after the event.

    Raises:
        CorruptJournalError: `apply` raised.
    """
    try:
        return apply(state, event)
    except Exception as error:
        raise CorruptJournalError(f"apply refuses it: {error!r}", record.key, record.sequence_number) from error


def begin_commands(journal: Replaying, reader: Reader, start: Start) -> None:
    """Remembers the commands that the snapshot remembers.

    Raises:
        CorruptJournalError: Its metadata has something else in their place.
    """
    try:
        journal.commands.begin(start.metadata)
    except ValueError as error:
        raise CorruptJournalError(f"its snapshot: {error}", reader.key, start.sequence_number) from error


async def _initial_state(cell: Cell, made: Any, slot: Slot) -> Any:
    """The one that was made already, or, where all begins again, a fresh one: a handler may have changed the first."""
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
