"""A line on which requests are delivered when their client has long gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK = 65536


class _Connection:
    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.held = bytearray()
        self.heard = asyncio.Event()
        self.is_silent = False


class LateLine:
    """Stands between clients and one server, in the loop of the test.

    Args:
        port: The server's, on 127.0.0.1.

    Attributes:
        port: Where clients connect.
        holds: While this is set, nothing that clients send reaches the server.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.holds = False
        self._target = port
        self._connections: list[_Connection] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LateLine]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in self._connections:
                connection.client.transport.abort()
                connection.server.transport.abort()
            await asyncio.sleep(0)

    def silence(self) -> None:
        """Nothing passes any more on the connections that there are, and neither end is told. New ones work."""
        for connection in self._connections:
            connection.is_silent = True

    @property
    def has_held(self) -> bool:
        return any(connection.held for connection in self._connections)

    async def deliver(self) -> int:
        """Sends what was held. Returns how many connections it was, when the server has answered or closed each."""
        self.holds = False
        late = [connection for connection in self._connections if connection.held]
        for connection in late:
            connection.server.write(bytes(connection.held))
            connection.held.clear()
        for connection in late:
            await connection.heard.wait()
        return len(late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        connection = _Connection(writer, server)
        self._connections.append(connection)
        answering = asyncio.create_task(self._answer(connection, answers))
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                if self.holds or connection.held or connection.is_silent:
                    connection.held += chunk
                    connection.heard.clear()
                else:
                    server.write(chunk)
        if not connection.held:
            server.transport.abort()
        await answering

    async def _answer(self, connection: _Connection, answers: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await answers.read(_CHUNK):
                connection.heard.set()
                if not connection.is_silent:
                    connection.client.write(chunk)
        connection.heard.set()
        connection.client.transport.abort()
