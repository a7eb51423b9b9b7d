"""How many actors recover at once, without one that waits for another keeping that one from recovering."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from types import coroutine
from typing import Any


class Slot:
    """A place among the actors that recover at once. Others have it while the program's own code waits.

    Otherwise recovering actors that ask another one, which waits for a place, would wait for each other.

    Attributes:
        is_lendable: Whether the program's own code runs: if it waits now, the place is lent.
        is_lent: Whether others may have the place. Before it goes on, the recovery has to `take` it again.
    """

    __slots__ = ("_slots", "is_lendable", "is_lent")

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self.is_lendable = False
        self.is_lent = True

    async def holding(self, work: Coroutine[Any, Any, bool]) -> bool:
        """Runs the work, a coroutine that hasn't begun, once there is a place."""
        try:
            await self.take()
            return await self._lending(work)
        finally:
            work.close()  # it may not have begun
            self._lend()

    @asynccontextmanager
    async def lendable(self) -> AsyncIterator[None]:
        """Lets others have the place while the block waits."""
        self.is_lendable = True
        try:
            yield
        finally:
            self.is_lendable = False
        if self.is_lent:
            await self.take()

    async def take(self) -> None:
        await self._slots.acquire()
        self.is_lent = False

    def _lend(self) -> None:
        if not self.is_lent:
            self.is_lent = True
            self._slots.release()

    @coroutine
    def _lending(self, work: Coroutine[Any, Any, bool]) -> Generator[Any, Any, bool]:
        # Events of which the handler doesn't wait don't come by here, and cost nothing.
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waits_for = work.send(value) if error is None else work.throw(error)
            except StopIteration as returned:
                result: bool = returned.value
                return result
            finally:
                error = None  # its traceback knows this frame
            if self.is_lendable:
                self._lend()
            try:
                value = yield waits_for
            except BaseException as thrown:
                error = thrown
