"""Limits the number of actors that recover at once, without deadlocks between those that wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from types import coroutine
from typing import Any


class RecoverySlot:
    """One of the slots for actors that recover at once. It is lent to others while the application's own code waits.

    Otherwise a recovering actor that asks another one, which waits for a slot, would wait for ever.

    Attributes:
        is_lendable: True while the application's own code runs: if that waits, the slot is lent.
        is_lent: True while others may have the slot. The recovery has to `take` it again before it goes on.
    """

    __slots__ = ("_slots", "is_lendable", "is_lent")

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self.is_lendable = False
        self.is_lent = True

    async def holding(self, work: Coroutine[Any, Any, bool]) -> bool:
        """Waits for a slot, and runs the work in it. The work is a coroutine that hasn't begun."""
        try:
            await self.take()
            return await self._lending(work)
        finally:
            work.close()  # a no-op unless the wait for the slot was cancelled, and the work never began
            self._lend()

    @asynccontextmanager
    async def lendable(self) -> AsyncIterator[None]:
        """Lends the slot to others while the block waits."""
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
        # Runs only when the work waits: events whose handler doesn't wait cost nothing.
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waits_for = work.send(value) if error is None else work.throw(error)
            except StopIteration as returned:
                result: bool = returned.value
                return result
            finally:
                error = None  # the error's traceback refers to this frame: that would be a cycle
            if self.is_lendable:
                self._lend()
            try:
                value = yield waits_for
            except BaseException as thrown:
                error = thrown
