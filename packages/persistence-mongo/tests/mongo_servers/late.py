"""A network that delivers some requests long after their client has given them up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nact_conformance.containers import MongoStorage

_CHUNK = 65536


class LateNetwork:
    """Forwards connections to a server, in the test's own event loop.

    Args:
        port: The server's port.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.held = asyncio.Event()
        """Set when the first request is held."""
        self._target = port
        self._words: tuple[bytes, ...] = ()
        self._requests: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]] = []

    def hold(self, *words: bytes) -> None:
        """Holds all later requests that contain one of these words; none if no word is given."""
        self._words = words

    async def deliver(self) -> None:
        """Delivers the held requests, and returns when the server has answered each. The answers are dropped."""
        for reader, server, request in self._requests:
            server.write(request)
            assert await reader.read(_CHUNK)
            server.close()
        self._requests.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LateNetwork]:
        """Accepts connections on `port` for the length of the block."""
        serving = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = serving.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            serving.close()
            for _, server, _ in self._requests:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        answering = asyncio.ensure_future(self._answer(answers, client))
        with suppress(ConnectionError):
            while request := await reader.read(_CHUNK):
                if any(word in request for word in self._words):
                    answering.cancel()
                    await asyncio.wait([answering])
                    self._requests.append((answers, server, request))
                    self.held.set()
                    await reader.read()  # the client closes in the end, and this server isn't told
                    client.close()
                    return
                server.write(request)
        answering.cancel()
        for writer in (client, server):
            writer.close()

    async def _answer(self, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while answer := await answers.read(_CHUNK):
                client.write(answer)


@asynccontextmanager
async def late_network(server: MongoStorage) -> AsyncIterator[tuple[LateNetwork, str]]:
    """A network before the server, and a URL through it."""
    async with LateNetwork(server.port).running() as network:
        yield network, f"mongodb://127.0.0.1:{network.port}/laws?directConnection=true"
