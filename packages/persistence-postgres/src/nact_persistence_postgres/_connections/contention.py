"""Where connections are few: those that writers keep are given back when others wait, and nothing else would come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nact_persistence_postgres._connections.connection import Pool


class Room:
    """Counts who has connections of a pool, and who waits for one.

    Those who keep a connection from one write to the next leave none to others if a pool has no more of them. Then
    they are asked to give theirs back, and ask for it again after whoever waits.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._keepers: list[Callable[[], None]] = []
        self._waiting = 0
        self._lent = 0

    def add_keeper(self, make_room: Callable[[], None]) -> None:
        """Adds someone who keeps a connection. `make_room` has it given back, at once or after what it is used for."""
        self._keepers.append(make_room)

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for a connection that only a keeper can give back."""
        return self._waiting > 0 and self._is_kept()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """For as long as a connection is waited for."""
        self._waiting += 1
        try:
            if self._is_kept():
                for make_room in self._keepers:
                    make_room()
            yield
        finally:
            self._waiting -= 1

    def lend(self) -> None:
        """Notes that a connection is in use for a while, by someone who doesn't keep it."""
        self._lent += 1

    def take_back(self) -> None:
        self._lent -= 1

    def _is_kept(self) -> bool:
        pool = self.pool
        return (
            not self._lent and pool is not None and not pool.get_idle_size() and pool.get_size() >= pool.get_max_size()
        )
