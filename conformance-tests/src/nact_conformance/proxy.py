"""A TCP proxy that loses acknowledgements: it can cut a connection after the server did the work, or before.

It can also hold requests, and deliver them long after their client has given up, as a network does. And it can let
connections fall silent without telling either end.

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

from nact_conformance.tally import ALL, Fate, Hold, Tally

__all__ = ["ALL", "TcpProxy", "settle_proxies"]

T = TypeVar("T")

CHUNK = 65536

_PASSES = 10
_running: set[TcpProxy] = set()


def settle_proxies() -> None:
    """Returns when the proxies of this process have closed all connections whose clients are gone."""
    for proxy in list(_running):
        proxy.settle()


LOOK = 0.005
"""Seconds after which a connection that is held or silent looks whether that is over."""

PATIENCE = 5.0
"""Seconds for which a server may work on a request that was delivered late."""


@dataclass(eq=False, slots=True)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    number: int
    awaiting_reply: bool = False
    is_ending: bool = False
    was_late: bool = False

    def abort(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


class TcpProxy:
    """A proxy between clients and one server, in its own thread. Its methods can be called from any thread.

    Args:
        host: Where the server listens.
        port: Its port.
        tally: Shared by the proxies of a cluster's nodes, which then count together: an order to one of them, about
            requests or replies, is an order to all.
    """

    def __init__(self, host: str, port: int, *, tally: Tally | None = None) -> None:
        self._target = (host, port)
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._opening: set[asyncio.Task[None] | None] = set()  # tasks of clients that wait for the server
        self._tally = tally or Tally()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 at which clients connect. It stays the same over `cut` and `mend`."""
        return self._port

    @property
    def round_trips(self) -> int:
        """The number of replies that the server has given so far."""
        return self._tally.replies

    @property
    def armed(self) -> bool:
        """True if a request or a reply is still to be lost."""
        return self._tally.armed

    @property
    def lost(self) -> int:
        """The number of requests and replies lost since the last order to lose some."""
        return self._tally.lost

    @property
    def is_holding(self) -> bool:
        """True if a request is being held."""
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
        """Sends new connections to this server."""
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

    def lose_reply(self, number: int = 1, *, count: int = 1) -> None:
        """Loses the `number`-th reply from now on: its connection breaks, after the server did the work.

        Goes on with those after it until `count` are lost (`ALL`: as many as come, until `disarm`).
        """
        self._tally.arm(reply=number, count=count)

    def lose_request(self, number: int = 1, *, count: int = 1) -> None:
        """Loses the `number`-th request from now on: its connection breaks, and the server never sees it.

        Goes on with those after it until `count` are lost.
        """
        self._tally.arm(request=number, count=count)

    def hold_requests(self, number: int = 1) -> None:
        """Holds the `number`-th request from now on, and all that follow. Connections stay, and neither end is told."""
        self._tally.hold(number)

    def hold_no_others(self) -> None:
        """Delivers everything from now on, on new connections and on old ones, but what is held already."""
        self._tally.hold_no_others()

    def deliver_requests(self) -> None:
        """Ends `hold_requests`: the server gets what was held, even if the client has closed its connection since.

        Returns when the server has answered each request whose client is gone, or has closed its connection.

        Raises:
            TimeoutError: It did neither.
        """
        held = self._tally.decide(Fate.DELIVERED)
        if held is not None and not held.wait(3 * PATIENCE):
            raise TimeoutError("the server neither answered what was delivered late nor closed the connection")

    def drop_requests(self) -> None:
        """Ends `hold_requests`: the connections with a request that was held break, and the server never sees it."""
        self._tally.decide(Fate.DROPPED)

    def silence(self) -> None:
        """Lets nothing pass on the present connections, in either direction, without telling either end.

        New connections work. `disarm` breaks the silent connections on which something was sent.
        """
        self._tally.silence()

    def disarm(self) -> None:
        """Ends all losses, holds and silences."""
        self._tally.arm()
        self._tally.decide(Fate.DROPPED)
        self._tally.silence_no_more()

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
            # First no more is accepted: asyncio would leak what it had just accepted when the server is closed.
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening)
            for _ in range(_PASSES):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        for task in self._opening:
            if task is not None:
                task.cancel()
        for connection in list(self._connections):
            connection.abort()
        while self._connections or self._opening:  # noqa: ASYNC110 (it takes a pass or two)
            await asyncio.sleep(0)

    async def _settle(self) -> None:
        for _ in range(_PASSES):  # to hear of the ends that clients have closed
            await asyncio.sleep(0)
        while any(connection.is_ending for connection in self._connections):  # noqa: ASYNC110 (it takes a pass or two)
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # asyncio closes what was aborted in the next pass

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = await self._reached(writer)
        if opened is None:
            return
        answers, server = opened
        connection = _Connection(writer, server, self._tally.connects())
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

    async def _reached(self, client: asyncio.StreamWriter) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to the server; `None`, and the client's is broken, if there is none."""
        mine = asyncio.current_task()
        self._opening.add(mine)
        try:
            return await asyncio.open_connection(*self._target)
        except OSError:
            client.transport.abort()
            return None
        except asyncio.CancelledError:
            client.transport.abort()
            raise
        finally:
            self._opening.discard(mine)

    async def _requests_of(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if await self._was_silent(connection):
                    return
                if not connection.awaiting_reply:
                    connection.awaiting_reply = True
                    if not self._tally.passes_request():
                        return
                hold = self._tally.held_by()
                if hold is None:
                    connection.server.write(chunk)
                    await connection.server.drain()
                elif not await self._hold(connection, reader, chunk, hold):
                    return
        await self._was_silent(connection)

    async def _replies_to(self, connection: _Connection, answers: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await answers.read(CHUNK):
                if await self._was_silent(connection):
                    return
                if connection.awaiting_reply:
                    connection.awaiting_reply = False
                    if not self._tally.passes_reply():
                        return
                if not connection.was_late:
                    connection.client.write(chunk)
                    await connection.client.drain()
        await self._was_silent(connection)

    async def _was_silent(self, connection: _Connection) -> bool:
        """Waits until something may pass on this connection. Returns True if nothing could before."""
        was_silent = False
        while self._tally.is_silent(connection.number):
            was_silent = True
            await asyncio.sleep(LOOK)
        return was_silent

    async def _hold(self, connection: _Connection, reader: asyncio.StreamReader, chunk: bytes, hold: Hold) -> bool:
        """Holds what the client sends, until it is delivered or dropped. Returns whether the client goes on."""
        held = bytearray(chunk)
        listening = asyncio.create_task(_gather(reader, held))
        try:
            while hold.fate is Fate.UNDECIDED:  # noqa: ASYNC110 (another thread decides)
                await asyncio.sleep(LOOK)
            connection.was_late = listening.done()  # its client is gone
            await _cancel(listening)
            if hold.fate is Fate.DROPPED:
                return False
            connection.server.write(bytes(held))
            await connection.server.drain()
            if connection.was_late:
                await self._until_answered(connection)
            return not connection.was_late
        finally:
            await _cancel(listening)
            hold.leave()

    async def _until_answered(self, connection: _Connection) -> None:
        """Returns when the server has answered, and then has closed the connection, since its client did so."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while connection.awaiting_reply and loop.time() < until:  # noqa: ASYNC110 (another task hears the answer)
            await asyncio.sleep(LOOK)
        connection.server.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until + PATIENCE):
                await loop.create_future()  # cancelled when the server closes


async def _gather(reader: asyncio.StreamReader, held: bytearray) -> None:
    """Reads what a client sends, until it closes the connection."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            held += chunk


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
