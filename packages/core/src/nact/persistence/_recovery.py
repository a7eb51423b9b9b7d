"""How a persistent actor gets its state back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine, Generator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from types import CoroutineType, TracebackType, coroutine
from typing import TYPE_CHECKING, Any, Self

from nact._life import NO_STATE, initial_state_of
from nact._supervision import supervise
from nact.persistence._reading import Reader, Start
from nact.persistence.context import PersistentContext

if TYPE_CHECKING:
    from nact._cell import Cell

logger = logging.getLogger("nact.persistence")


class Slot:
    """A place among the actors that recover at once. Others have it while the program's own code waits.

    Otherwise recovering actors that ask another one, which waits for a place, would wait for each other.
    """

    __slots__ = ("_is_held", "_slots")

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._take()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Lets others have it for the length of the block."""
        self._give_back()
        try:
            yield
        finally:
            await self._take()

    async def handled(self, result: Any) -> Any:
        """What a handler returned, or returns when awaited. Others have the place from its first wait on."""
        if not hasattr(result, "__await__"):
            return result
        work = result if isinstance(result, CoroutineType) else _awaited(result)
        try:
            waits_for = work.send(None)
        except StopIteration as returned:
            return returned.value
        return await self.lent_to(work, waits_for)

    @coroutine
    def lent_to(self, work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
        """Runs a coroutine on that has begun, and waits for something. Others have the place meanwhile."""
        self._give_back()
        try:
            result = yield from _rest_of(work, waits_for)
        except GeneratorExit:
            raise  # the loop was closed: there is nothing to wait for
        except BaseException:
            yield from self._take().__await__()
            raise
        yield from self._take().__await__()
        return result

    async def _take(self) -> None:
        await self._slots.acquire()
        self._is_held = True

    def _give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._slots.release()


@coroutine
def _rest_of(work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Runs a coroutine on that has begun, and waits for something."""
    while True:
        try:
            step = partial(work.send, (yield waits_for))
        except BaseException as error:
            step = partial(work.throw, error)
        try:
            waits_for = step()
        except StopIteration as returned:
            return returned.value


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


async def recover_state(  # noqa: PLR0915 - the hot path
    cell: Cell, reader: Reader, context: PersistentContext[Any], slot: Slot
) -> bool:
    """Gives the cell the state that the journal tells: what it read, handled one after another by its handler.

    A fault of the handler is judged like any other; if it resumes, the event is passed over, as it was when live.

    Returns:
        False if the actor was told to stop, or to begin again.

    Raises:
        CorruptJournalError: The journal can't be read.
    """
    f, initial_state = cell.f, cell.state
    async with aclosing(reader.read()) as items:
        async for item in items:
            if isinstance(item, Start):
                cell.state = item.state if item.sequence_number else await _initial_state(cell, initial_state, slot)
                initial_state = NO_STATE
                continue
            msg = reader.decode(item)
            try:
                result = f(cell.state, msg, context)
                if type(result) is CoroutineType:
                    try:  # its first step is nearly always its last
                        waits_for = result.send(None)
                    except StopIteration as returned:
                        result = returned.value
                    else:
                        result = await slot.lent_to(result, waits_for)
                elif hasattr(result, "__await__"):
                    result = await slot.handled(result)
            except Exception as error:
                async with slot.lent():
                    await supervise(cell, msg, error)
            else:
                cell.state = result
            if cell.orders:
                return False
    if logger.isEnabledFor(logging.DEBUG):
        _log_recovered(cell, reader)
    return True


async def _initial_state(cell: Cell, made: Any, slot: Slot) -> Any:
    """The one that was made already, or, where all begins again, a fresh one: a handler may have changed the first."""
    if made is not NO_STATE:
        return made
    async with slot.lent():
        return await initial_state_of(cell)


def _log_recovered(cell: Cell, reader: Reader) -> None:
    key, number, path = reader.key, reader.position, cell.ref.path
    logger.debug(
        "%s has recovered key %r: it goes on after event %d, having begun with the snapshot at %d",
        path, key, number, reader.start.sequence_number,
        extra={"nact_actor": path, "nact_key": key, "nact_sequence_number": number},
    )  # fmt: skip
