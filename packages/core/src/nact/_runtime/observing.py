"""The interface between a system and its observer, which is told of questions and of work on journals.

`nact.otel` brings an observer; by default there is none. Dispatched messages never come by here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

UNOBSERVED: Final[AbstractContextManager[None]] = nullcontext()


class Place(Protocol):
    """A sequence number that a journal is read from."""

    @property
    def sequence_number(self) -> int: ...


class Reading(Protocol):
    """A reading of a journal: its key, its start, and how far it has come."""

    @property
    def key(self) -> str: ...

    @property
    def start(self) -> Place: ...

    @property
    def position(self) -> int: ...


class Observer(Protocol):
    """Observes one system. The context managers that it returns are entered around the work, in the work's task."""

    def handler(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """The function to call in place of `f`, the handler of an actor that is being spawned."""
        ...

    def new_reply(self, asked: Any, timeout: float) -> Any:
        """The `Reply` of a question that is being asked. `timeout` is in seconds."""
        ...

    def persisting(self, key: str, sequence_number: int, count: int) -> AbstractContextManager[object]:
        """Surrounds the write of `count` events, numbered from `sequence_number` on."""
        ...

    def recovering(self, reader: Reading) -> AbstractContextManager[object]:
        """Surrounds a recovery, its wait for a slot included. Afterwards the reader tells its start and its end."""
        ...

    def reading(self, reader: Reading) -> AbstractContextManager[object]:
        """Surrounds a persistent query's reading of new events."""
        ...

    def taking_snapshot(self, key: str, sequence_number: int) -> AbstractContextManager[object]:
        """Surrounds the write of a snapshot."""
        ...

    def snapshot_failed(self) -> None:
        """Called when a snapshot couldn't be taken, or couldn't be used."""
        ...

    def dead_letter(self) -> None:
        """Called when a message was dropped."""
        ...


async def observed(work: Awaitable[None], watch: AbstractContextManager[object]) -> None:
    """Does the work within the observer's context manager."""
    with watch:
        await work
