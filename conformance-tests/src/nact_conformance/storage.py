"""Storages, as the fault laws handle them: started, killed, paused, cut off.

The methods are plain functions that may block: a storage outlives the event loop of any one law. The kit calls them in
threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nact_conformance.proxy import TcpProxy


@runtime_checkable
class Storage(Protocol):
    """Something that engines store to, with a URL by which any process reaches it."""

    @property
    def url(self) -> str:
        """The URL for the engine's factory, which is `engine_from_url` if the suite names no other."""
        ...

    @property
    def version(self) -> str:
        """The server's version for the report, empty where there is none."""
        ...

    def start(self) -> None:
        """Returns when it accepts work. Does nothing if it runs already; what was stored before is there."""
        ...

    def stop(self) -> None:
        """Ends it in good order and frees what it holds. Can be called again."""
        ...


@runtime_checkable
class ServerStorage(Storage, Protocol):
    """A storage whose server can be killed, paused and cut off, behind a proxy that can lose its replies."""

    @property
    def proxy(self) -> TcpProxy:
        """The proxy between engines and server. The URL leads through it."""
        ...

    def kill(self) -> None:
        """Ends the server at once, as SIGKILL or a power cut does."""
        ...

    def restart(self) -> None:
        """Kills the server if it runs, and starts it on what was stored."""
        ...

    def pause(self) -> None:
        """Freezes the server: connections stay open and nothing answers."""
        ...

    def resume(self) -> None:
        """Ends `pause`. Can be called again."""
        ...

    def cut_off(self) -> None:
        """Cuts the network: connections break, and new ones are refused."""
        ...

    def reconnect(self) -> None:
        """Ends `cut_off`. Can be called again."""
        ...


@runtime_checkable
class RefusingStorage(ServerStorage, Protocol):
    """A server that can be told to answer reads with errors, as when a user's rights are changed.

    Where the server can't tell reads from writes, it refuses what comes on new connections.
    """

    def refuse_reads(self) -> None:
        """Makes the server answer reads with errors. It goes on to store writes."""
        ...

    def allow_reads(self) -> None:
        """Ends `refuse_reads`. Can be called again."""
        ...


@dataclass(frozen=True, slots=True)
class FileStorage:
    """A storage without a server: files, which outlive every process that writes to them."""

    url: str
    version: str = ""

    def start(self) -> None:
        """Nothing needs to be started."""

    def stop(self) -> None:
        """Nothing needs to be stopped."""
