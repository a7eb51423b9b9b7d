"""The lifecycle of an engine: its first use opens it, in one event loop of one process, and it is closed once.

Every engine with connections needs this, and it has many cases: uses while the engine opens, a caller that is cancelled
meanwhile, an opening that fails and is tried again, a second event loop, a fork, closing twice.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Callable
from threading import get_ident
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from nact.errors import EngineClosedError
from nact.persistence.building.errors import copy_for_caller, mark_retrieved


class Session(Protocol):
    """An engine's objects for one event loop: its connections, writer and reader. Making a session does no I/O."""

    async def open(self) -> None:
        """Connects, and finds or makes the tables. Called once; after a failure, another session is made.

        Raises:
            EngineUnavailableError: The storage can't be reached.
            CorruptJournalError: The storage doesn't hold a journal that this engine can read.
        """
        ...

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes everything that `open` opened, even if it failed or was cancelled."""
        ...


S = TypeVar("S", bound=Session)

_process = os.getpid()  # kept, since os.getpid() is a system call


def _begin_anew() -> None:
    global _process  # noqa: PLW0603 - this is another process
    _process = os.getpid()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


class Lifecycle(Generic[S]):
    """Opens an engine's session at the first use, and closes it when the engine is closed.

    Args:
        make_session: Makes a session for the running event loop. An error that it raises reaches the caller of the
            engine's first use. It shouldn't refer to the engine: the cycle would delay the engine's collection, and
            with it the `ResourceWarning`.
        name: The engine's name in errors: its `repr`, say. It must not contain a password.
    """

    def __init__(self, make_session: Callable[[], S], name: str) -> None:
        self._make_session = make_session
        self._name = name
        self._session: S | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._thread = 0  # the thread of the last use that opened the session, or waited for that
        self._is_ready = False
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_left_open(self) -> bool:
        """True if this process has used the engine and not closed it, which deserves a `ResourceWarning`."""
        return self._session is not None and self._process == os.getpid() and not self._is_closed

    def check_open(self) -> None:
        """Returns if the engine isn't closed.

        Raises:
            EngineClosedError: It is closed.
        """
        if self._is_closed:
            raise EngineClosedError(f"{self._name} is closed; make a new one")

    def ready(self) -> S | None:
        """The session, if it is open and belongs to this process and event loop. `None` if `opened` must be awaited.

        Raises:
            EngineClosedError: The engine was closed.
        """
        if self._is_closed:
            self.check_open()
        # A thread runs one loop at a time. (`get_running_loop` is a system call before Python 3.12.)
        # After a fork within a loop, that loop seems to run in the child, too, in a thread with the same number.
        is_here = self._is_ready and self._thread == get_ident() and self._process == _process
        return self._session if is_here and self._loop is not None and self._loop.is_running() else None

    async def opened(self) -> S:
        """The open session. All callers wait for the same opening, which goes on if one of them is cancelled.

        Raises:
            EngineClosedError: The engine was closed, or opened before a fork.
            RuntimeError: The engine is in use by another event loop.
            NactError: It can't be opened. The next use tries again.
        """
        while (session := self.ready()) is None:
            opening = self._begin()
            await asyncio.wait([opening])
            if not opening.cancelled() and (error := opening.exception()) is not None:
                raise copy_for_caller(error) from error.__cause__
        return session

    async def aclose(self) -> None:
        """Closes the session, and cancels an opening. If the caller is cancelled, it goes on. Can be called again."""
        if self._process not in {0, os.getpid()}:
            return  # after a fork: the session is the parent process's
        if self._closing is None or self._closing.cancelled():
            if self._session is not None:
                self._check_place()
            self._is_closed = True
            self._closing = asyncio.create_task(self._close(), name=f"nact close {self._name}")
        if not self._closing.done():
            await asyncio.shield(self._closing)

    def _begin(self) -> asyncio.Task[None]:
        self._check_place()
        loop = asyncio.get_running_loop()
        self._thread = get_ident()
        if self._opening is None or self._loop is not loop:
            self._session, self._loop, self._process = self._make_session(), loop, os.getpid()
            self._is_ready = False
            self._opening = asyncio.create_task(self._open(self._session), name=f"nact open {self._name}")
            self._opening.add_done_callback(mark_retrieved)
        return self._opening

    async def _open(self, session: S) -> None:
        try:
            await session.open()
        except BaseException:
            if not self._is_closed:
                self._opening = self._session = None
                await session.aclose()
            raise
        self._is_ready = True

    async def _close(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._session is not None:
            await self._session.aclose()

    def _check_place(self) -> None:
        """Raises unless the session may be used, or made, in this process and this event loop."""
        if self._process not in {0, os.getpid()}:
            raise EngineClosedError(
                f"{self._name} was opened before a fork, by process {self._process}; make a new one here"
            )
        if self._loop is not None and self._loop is not asyncio.get_running_loop() and self._loop.is_running():
            raise RuntimeError(f"{self._name} is in use by another event loop; make one for each")


class SessionEngine(Generic[S]):
    """The lifecycle of an engine that works through a session: inherit from it, and use `self._life`.

    It provides `aclose`, `async with`, and a `ResourceWarning` if the engine is collected without having been closed.

    Args:
        make_session: See `Lifecycle`. Call this constructor after setting the attributes that the engine's `__repr__`
            uses.
    """

    def __init__(self, make_session: Callable[[], S]) -> None:
        self._life = Lifecycle(make_session, repr(self))

    async def __aenter__(self) -> Self:
        await self._life.opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Waits for writes in flight, and closes the engine's connections, also when cancelled. Can be called again."""
        await self._life.aclose()

    def __del__(self) -> None:
        if "_life" in self.__dict__ and self._life.is_left_open:  # a constructor that failed leaves no `_life`
            warnings.warn(f"{self!r} was not closed: await aclose()", ResourceWarning, stacklevel=1, source=self)
