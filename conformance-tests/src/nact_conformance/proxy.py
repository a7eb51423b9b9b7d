"""A TCP proxy that loses acknowledgements: it can cut a connection after the server did the work, or before.

It can also hold requests on their way, as a network does that is about to fail.

It knows no protocol. A *request* begins with the first bytes that a client sends after it was last answered, a *reply*
with the first bytes that the server sends after a request. That suffices to lose exactly the n-th of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nact_conformance.tally import Tally

T = TypeVar("T")

CHUNK = 65536

_PASSES = 10
_running: set[TcpProxy] = set()


def settle_proxies() -> None:
    """Returns when no proxy of this process holds a connection any more that its client has closed."""
    for proxy in list(_running):
        proxy.settle()


LOOK = 0.005
"""Seconds after which a connection whose request is held looks whether that is over."""


@dataclass(eq=False, slots=True)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    awaiting_reply: bool = False
    is_ending: bool = False

    def abort(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


class TcpProxy:
    """Stands between clients and one server, in a thread of its own. Its methods can be called from any thread.

    Args:
        host: Where the server listens.
        port: Its port.
        tally: If it is given, this proxy counts together with the others that have it: those before the other nodes of
            a cluster. What is asked of one of them about requests and replies is then said of all.
    """

    def __init__(self, host: str, port: int, *, tally: Tally | None = None) -> None:
        self._target = (host, port)
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tally = tally or Tally()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 at which clients connect. It stays the same over `cut` and `mend`."""
        return self._port

    @property
    def round_trips(self) -> int:
        """How many replies the server has given so far."""
        return self._tally.replies

    @property
    def armed(self) -> bool:
        """Whether a request or a reply is still to be lost."""
        return self._tally.armed

    @property
    def is_holding(self) -> bool:
        """Whether a request is being held."""
        return self._tally.is_holding

    def start(self) -> None:
        """Returns when clients can connect. Does nothing if it runs already."""
        if self._thread is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="nact tcp proxy", daemon=True)
            self._thread.start()
            self._await(self._listen)
            _running.add(self)

    def stop(self) -> None:
        """Cuts all connections and ends the thread. Can be called again."""
        if self._thread is not None and self._loop is not None:
            _running.discard(self)
            self._await(self._end)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._thread = self._loop = None

    def retarget(self, host: str, port: int) -> None:
        """New connections go to this server."""
        self._target = (host, port)

    def cut(self) -> None:
        """Breaks all connections; new ones are refused until `mend`."""
        self._await(self._end)

    def mend(self) -> None:
        """Lets clients connect again. Can be called again."""
        self._await(self._listen)

    def settle(self) -> None:
        """Returns when the proxy has closed its ends of all connections that clients have closed."""
        self._await(self._settle)

    def lose_reply(self, number: int = 1) -> None:
        """The `number`-th reply from now on isn't delivered: its connection breaks, after the server did the work."""
        self._tally.arm(reply=number)

    def lose_request(self, number: int = 1) -> None:
        """The `number`-th request from now on isn't delivered: its connection breaks, and the server never sees it."""
        self._tally.arm(request=number)

    def hold_requests(self, number: int = 1) -> None:
        """From the `number`-th request from now on nothing reaches the server. Connections stay, and nobody is told."""
        self._tally.hold(number)

    def drop_requests(self) -> None:
        """Ends `hold_requests`: the connections with a request that was held break, and the server never sees it."""
        self._tally.hold_no_more()

    def disarm(self) -> None:
        """Nothing more will be lost, and nothing held."""
        self._tally.arm()
        self._tally.hold_no_more()

    # --- in the proxy's own thread -----------------------------------------------------------------------------

    def _await(self, act: Callable[[], T]) -> None:
        if self._loop is None:
            raise RuntimeError("the proxy isn't running: call start()")

        async def in_loop() -> None:
            result = act()
            if asyncio.iscoroutine(result):
                await result

        asyncio.run_coroutine_threadsafe(in_loop(), self._loop).result(timeout=10)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()
        while self._connections:  # noqa: ASYNC110 (it takes a pass or two)
            await asyncio.sleep(0)

    async def _settle(self) -> None:
        for _ in range(_PASSES):  # to hear of the ends that clients have closed
            await asyncio.sleep(0)
        while any(connection.is_ending for connection in self._connections):  # noqa: ASYNC110 (it takes a pass or two)
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # asyncio closes what was aborted in the next pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, server)
        self._connections.add(connection)
        try:
            pumps = [self._requests_of(connection, reader), self._replies_to(connection, answers)]
            tasks = [asyncio.ensure_future(pump) for pump in pumps]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            connection.is_ending = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            connection.abort()
            self._connections.discard(connection)

    async def _requests_of(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if not connection.awaiting_reply:
                    connection.awaiting_reply = True
                    if not self._tally.passes_request():
                        return
                if self._tally.holds():
                    while self._tally.holds():  # noqa: ASYNC110 (another thread says when)
                        await asyncio.sleep(LOOK)
                    return
                connection.server.write(chunk)
                await connection.server.drain()

    async def _replies_to(self, connection: _Connection, answers: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await answers.read(CHUNK):
                if connection.awaiting_reply:
                    connection.awaiting_reply = False
                    if not self._tally.passes_reply():
                        return
                connection.client.write(chunk)
                await connection.client.drain()
