"""The line between a storm's processes and their server: it can be cut, fall silent, and lead to another server."""

from __future__ import annotations

import asyncio
import contextlib
import threading

_CHUNK = 65536
_LOOK = 0.05


class Line:
    """A TCP proxy in a thread of its own. Its methods can be called from any thread.

    The kit's proxy loses single requests and replies. This one breaks lines as whole networks do, half of them too.

    Args:
        port: Where the server listens, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self._target = port
        self._silent_before = 0
        self._count = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)

    def cut(self) -> None:
        """Breaks the connections that there are, at both ends. New ones work."""
        self._loop.call_soon_threadsafe(self._abort)

    def silence(self) -> None:
        """Nothing passes any more on the connections that there are, and neither end is told. New ones work."""
        self._silent_before = self._count + 1

    def lead_to(self, port: int) -> None:
        """New connections go to this server."""
        self._target = port

    def close(self) -> None:
        """Breaks everything, and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        await asyncio.sleep(0)  # asyncio closes what was aborted in the next pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count += 1
        number = self._count
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server}
        pumps = [asyncio.ensure_future(self._pump(*ends, number)) for ends in ((reader, server), (answers, writer))]
        self._pumps.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._pumps.difference_update(pumps)
        for each in (writer, server):
            each.transport.abort()
            self._writers.discard(each)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                while number < self._silent_before:  # noqa: ASYNC110 (until its client gives up, or for ever)
                    await asyncio.sleep(_LOOK)
                writer.write(chunk)
                await writer.drain()
