"""Shares a pool that has few connections: writers keep theirs from one write to the next unless others wait for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nact_persistence_postgres._connections.connection import Pool


class Contention:
    """Counts the users of a pool's connections, and has the writers release theirs when no other would become free.

    A writer that released its connection asks for one again, and is served after those that wait.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._releases: list[Callable[[], None]] = []
        self._waiting = 0
        self._lent = 0

    def add_writer(self, release: Callable[[], None]) -> None:
        """Adds a writer. `release` has it give its connection back, at once or after the write that is under way."""
        self._releases.append(release)

    @property
    def is_wanted(self) -> bool:
        """Whether a reader waits for a connection that only a writer can release."""
        return self._waiting > 0 and self._only_writers_have_some()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A connection is waited for during the block."""
        self._waiting += 1
        try:
            if self._only_writers_have_some():
                for release in self._releases:
                    release()
            yield
        finally:
            self._waiting -= 1

    def lend(self) -> None:
        """Notes that a connection is in use, and will be given back after that."""
        self._lent += 1

    def take_back(self) -> None:
        """Notes that such a connection was given back."""
        self._lent -= 1

    def _only_writers_have_some(self) -> bool:
        pool = self.pool
        return (
            not self._lent and pool is not None and not pool.get_idle_size() and pool.get_size() >= pool.get_max_size()
        )
