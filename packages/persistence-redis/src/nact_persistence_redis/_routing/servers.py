"""The contract of `OneServer` and `Cluster`: which server has a key, and the connections to it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

from nact_persistence_redis._connections.connections import Connections
from nact_persistence_redis._connections.driver import Pool


class Servers(Protocol):
    """The servers that have the keys. Sends no commands but those that find this out."""

    @property
    def connections(self) -> Connections:
        """Makes round trips to the servers."""
        ...

    async def open(self) -> None:
        """Finds the servers."""
        ...

    async def aclose(self) -> None:
        """Closes what was opened here, and nothing that was given."""
        ...

    def script_group(self, name: bytes) -> Hashable:
        """Names for which this is equal may share a script."""
        ...

    def pool(self, name: bytes) -> Pool:
        """The connections to the server that has this name, as far as is known. The pool stands for the server, too."""
        ...

    def pools(self) -> Sequence[Pool]:
        """All servers that have keys."""
        ...

    def pool_at(self, host: str, port: int) -> Pool:
        """The server at an address that another server told."""
        ...

    async def refresh(self, name: bytes) -> None:
        """Finds out anew which server has this name. Raises nothing."""
        ...
