"""One try of one law on one engine: what the law's body gets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from nact.errors import NactError
from nact.persistence import PersistedEvent, PersistenceEngine
from nact_conformance._faults.worker_process import WorkerProcess
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError, History, NotTriedError, name_numbers, short
from nact_conformance._trying.needs import Need, offers
from nact_conformance.author import EngineUnderTest

E = TypeVar("E", bound=BaseException)

BATCH = 100
"""The size of the batches in which `Trial.fill` persists events, if it can."""

CALLS_OF_A_LAW = 8
"""The time limit of a law, in time limits of a call: on a slow machine, all of a law is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The effort with which laws are tried.

    Attributes:
        rounds: A factor for the laws of chance (kills, races, cuts, generated data): how often each of them tries.
        timeout: Seconds that one call on an engine may take before it counts as hanging.
        law_timeout: Seconds that a law may take.
    """

    rounds: int = 4
    timeout: float = 15.0
    law_timeout: float = CALLS_OF_A_LAW * 15.0


@dataclass
class Trial:
    """A law's tools: clients whose calls are noted, fresh keys, and checks of what was promised."""

    suite: EngineUnderTest
    settings: Settings
    client: Client
    history: History
    _open: AsyncExitStack
    _clients: int = 1
    _run: str = field(default_factory=lambda: uuid4().hex[:12])
    _keys: int = 0
    _processes: int = 0

    # --- what to work with -------------------------------------------------------------------------------------

    def key(self, ending: str = "") -> str:
        """A fresh key, which ends with `ending`."""
        self._keys += 1
        return f"law-{self._run}-{self._keys}{ending}"

    async def another_client(self) -> Client:
        """A second, independent client on the same storage."""
        return await self.adopt(self.suite.reopen())

    async def adopt(self, engine: PersistenceEngine | Awaitable[PersistenceEngine]) -> Client:
        """A client that works with this engine, and is closed when the law was tried."""
        if isinstance(engine, Awaitable):
            engine = await engine
        self._clients += 1
        client = Client(client_name(self._clients), engine, self.history, self.settings.timeout)
        self._open.push_async_callback(client.release)
        return client

    def offers(self, need: Need) -> bool:
        """Returns True if the engine has this ability."""
        return offers(self.client.engine, need)

    async def fill(self, key: str, count: int, *, data: Any = None) -> list[PersistedEvent]:
        """Persists `count` events, in batches if the engine has these, and returns them."""
        events = [event(key, number, data if data is not None else number) for number in range(1, count + 1)]
        if count > 20 and self.offers(Need.BATCHES):
            for start in range(0, count, BATCH):
                await self.client.persist_all(events[start : start + BATCH])
        else:
            for each in events:
                await self.client.persist(each)
        return events

    async def process(self, *, wait: bool = True) -> WorkerProcess:
        """Another process, with an engine of its own on the same storage. It is killed when the law was tried."""
        storage = self.suite.storage()
        if storage is None:
            raise NotTriedError(Need.OTHER_PROCESSES)
        self._processes += 1
        worker = await WorkerProcess.start(
            f"process {self._processes}", factory=self.suite.factory, url=storage.url, folder=self.suite.folder,
            history=self.history, timeout=self.settings.timeout,
        )  # fmt: skip
        self._open.push_async_callback(worker.kill)
        if wait:
            await worker.ready()
        return worker

    # --- what was promised -------------------------------------------------------------------------------------

    def expect(self, happened: object, promised: object, promise: str) -> None:
        """Returns if the two are equal; `promise` says in words what was promised.

        Raises:
            BrokenLawError: If they aren't.
        """
        if happened != promised:
            raise BrokenLawError(promise, f"expected {short(promised, 400)}, got {short(happened, 400)}")

    def expect_one_of(self, happened: object, promised: Sequence[object], promise: str) -> None:
        """Returns if it is one of these.

        Raises:
            BrokenLawError: If it isn't.
        """
        if happened not in promised:
            wanted = " or ".join(short(each) for each in promised)
            raise BrokenLawError(promise, f"expected {wanted}, got {short(happened, 400)}")

    def expect_at_most(self, happened: int, most: int, promise: str) -> None:
        """Returns if it isn't more than that.

        Raises:
            BrokenLawError: If it is.
        """
        if happened > most:
            raise BrokenLawError(promise, f"expected at most {most}, got {happened}")

    def expect_numbers(self, happened: Sequence[int], promised: Sequence[int], promise: str) -> None:
        """Returns if these are the same sequence numbers.

        Raises:
            BrokenLawError: If they aren't.
        """
        if list(happened) != list(promised):
            raise BrokenLawError(promise, f"expected {name_numbers(promised)}, got {name_numbers(happened)}")

    def expect_events(
        self, happened: Sequence[PersistedEvent], promised: Sequence[PersistedEvent], promise: str
    ) -> None:
        """Returns if these are the same events, field by field, of the same types.

        Raises:
            BrokenLawError: If they aren't. It names the first difference.
        """
        numbers = [each.sequence_number for each in happened]
        wanted = [each.sequence_number for each in promised]
        self.expect_numbers(numbers, wanted, promise)
        for got, meant in zip(happened, promised, strict=True):
            for name in meant.__struct_fields__:
                self.expect_same(
                    getattr(got, name), getattr(meant, name), f"{promise} ({name} of {meant.sequence_number})"
                )

    def expect_same(self, happened: object, promised: object, promise: str) -> None:
        """Returns if the two are equal and of the same types, all the way down (1 isn't 1.0, 0.0 isn't -0.0).

        Raises:
            BrokenLawError: If they aren't.
        """
        if fingerprint(happened) != fingerprint(promised):
            raise BrokenLawError(promise, f"expected {short(promised, 400)}, got {short(happened, 400)}")

    async def refused(self, kind: type[E] | tuple[type[E], ...], call: Awaitable[object], promise: str) -> E:
        """Returns the error that the call raised, if it is of this kind, or of one of these.

        Raises:
            BrokenLawError: If the call succeeded or raised something else.
        """
        wanted = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        try:
            result = await call
        except kind as error:
            return error
        except BrokenLawError as error:  # the client's, about an error that isn't one of nact.errors
            if isinstance(error.__cause__, kind):
                return error.__cause__
            raise
        except NactError as error:
            raise BrokenLawError(promise, f"expected {wanted}, got {type(error).__name__}: {error}") from error
        raise BrokenLawError(promise, f"expected {wanted}, but it succeeded and returned {short(result)}")

    async def expect_journal(
        self, key: str, promised: Sequence[PersistedEvent], promise: str, *, client: Client | None = None
    ) -> None:
        """Returns if the key's journal is exactly these events.

        Raises:
            BrokenLawError: If it isn't.
        """
        self.expect_events(await (client or self.client).events(key), promised, promise)

    async def outcomes(self, calls: Iterable[Awaitable[object]]) -> list[object]:
        """Makes calls at once. Returns their results, or the errors of nact that they raised."""
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, NactError):
                raise result
        return list(results)

    async def at_once(self, calls: Iterable[Awaitable[object]]) -> None:
        """Makes all the calls at once; raises what the first of them raises, when all have ended."""
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def event(key: str, number: int, data: Any = None, **fields: Any) -> PersistedEvent:
    """An event of `key`; its data is `number`, if none are given."""
    return PersistedEvent(key=key, sequence_number=number, data=number if data is None else data, **fields)


def client_name(number: int) -> str:
    """A to Z, then client 27 and so on."""
    return chr(64 + number) if number <= 26 else f"client {number}"


def fingerprint(value: object) -> object:
    """Equal for two values exactly when they are equal and of the same types, all the way down."""
    if isinstance(value, dict):
        return dict, frozenset((name, fingerprint(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(fingerprint(item) for item in value)
    return type(value), repr(value)
