"""What somebody may watch of a system: its questions, and what it does with its journals. By default nobody does.

Nothing of this is on the way of a dispatched message. `nact.otel` is one who watches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

UNWATCHED: Final[AbstractContextManager[None]] = nullcontext()


class Place(Protocol):
    """A sequence number that a journal is read from."""

    @property
    def sequence_number(self) -> int: ...


class Reading(Protocol):
    """A journal that is read: whose, where from, and how far."""

    @property
    def key(self) -> str: ...

    @property
    def start(self) -> Place: ...

    @property
    def position(self) -> int: ...


class Observer(Protocol):
    """Is told what one system does. What it returns as a context manager is entered around the work, in its task."""

    def handler(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in the place of `f`, the handler of an actor that is spawned."""
        ...

    def new_reply(self, asked: Any, timeout: float) -> Any:
        """The other side of a question that is asked now."""
        ...

    def persisting(self, key: str, sequence_number: int, count: int) -> AbstractContextManager[object]:
        """So many events, from this number on, are written."""
        ...

    def recovering(self, reader: Reading) -> AbstractContextManager[object]:
        """An actor recovers, or waits for its turn to. In the end the reader tells from where, and how far."""
        ...

    def reading(self, reader: Reading) -> AbstractContextManager[object]:
        """A persistent query reads what is new to it."""
        ...

    def taking_snapshot(self, key: str, sequence_number: int) -> AbstractContextManager[object]:
        """A snapshot is stored."""
        ...

    def snapshot_failed(self) -> None:
        """A snapshot couldn't be taken, or not be used."""
        ...

    def dead_letter(self) -> None:
        """A message was dropped."""
        ...


async def watched(work: Awaitable[None], watch: AbstractContextManager[object]) -> None:
    """Does the work while somebody watches."""
    with watch:
        await work
