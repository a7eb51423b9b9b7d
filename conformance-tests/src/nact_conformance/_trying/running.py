"""Tries a law on a suite's engine, in its own event loop, and returns the finding."""

from __future__ import annotations

import asyncio
import gc
import signal
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from nact.persistence import PersistenceEngine
from nact_conformance._reporting.finding import Finding, Outcome
from nact_conformance._reporting.versions import about_engine
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError, History, NotTriedError
from nact_conformance._trying.law import GUARANTEES, Law
from nact_conformance._trying.needs import ABILITIES, EXPECTED_OF_AUTHORS, gives, offers
from nact_conformance._trying.trial import CALLS_OF_A_LAW, Settings, Trial, client_name
from nact_conformance.author import EngineUnderTest
from nact_conformance.storage import ServerStorage, Storage
from nact_conformance.storages_in_use import heal, use

if TYPE_CHECKING:
    import pytest


Kind = type[BaseException] | None


class StorageError(Exception):
    """The storage doesn't start, which says nothing about the engine."""


@dataclass(slots=True)
class _Attempt:
    """One try of a law, from nothing to a finding."""

    suite: EngineUnderTest
    law: Law
    settings: Settings
    history: History = field(default_factory=History)
    told: str = ""
    engine: str = ""
    server: str = ""
    is_broken: bool = False

    async def run(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        storage = self.suite.storage()
        if storage is not None:
            await self._start(storage)
        try:
            async with AsyncExitStack() as open_clients:
                trial = await self._trial(open_clients)
                self._check_needs(trial.client.engine)
                await self._try(trial)
        finally:
            if isinstance(storage, ServerStorage):
                await asyncio.to_thread(heal, storage)

    async def _try(self, trial: Trial) -> None:
        limit = asyncio.timeout(self.settings.law_timeout)
        try:
            async with limit:
                await self.law.body(self.suite, trial)
        except TimeoutError as error:
            if not limit.expired():
                raise
            happened = f"it wasn't decided within {self.settings.law_timeout:g} s"
            raise BrokenLawError(self.law.sentence, happened) from error
        finally:
            self.told = str(self.history)  # before the clients are closed

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Logs an error that was never awaited, unless the law broke off and left its calls alone."""
        if not self.is_broken:
            loop.default_exception_handler(context)

    async def _start(self, storage: Storage) -> None:
        try:
            await asyncio.to_thread(use, storage)
        except Exception as error:
            raise StorageError(f"the storage doesn't start: {error}") from error
        self.server = storage.version

    async def _trial(self, open_clients: AsyncExitStack) -> Trial:
        made = self.suite.engine()
        engine = made if isinstance(made, PersistenceEngine) else await made
        if not isinstance(engine, PersistenceEngine):
            raise TypeError(f"`engine` returned {engine!r}, which has no `persist` or no `events`")
        self.engine = about_engine(engine)
        client = Client(client_name(1), engine, self.history, self.settings.timeout)
        open_clients.push_async_exit(_closing(client))
        return Trial(self.suite, self.settings, client, self.history, open_clients)

    def _check_needs(self, engine: PersistenceEngine) -> None:
        for need in self.law.needs:
            if not (offers(engine, need) if need in ABILITIES else gives(self.suite, need)):
                raise NotTriedError(need)

    def finding(self, outcome: Outcome, told: str = "") -> Finding:
        return Finding(law_id=self.law.id, outcome=outcome, told=told, engine=self.engine, server=self.server)

    def broken(self, error: BaseException) -> Finding:
        """The finding about a broken law: its sentence, the promise, what happened, and the history."""
        law, self.is_broken = self.law, True
        told = [
            f"{law.id} is broken: {law.sentence}",
            f"guarantee {law.guarantee}: {GUARANTEES[law.guarantee]}",
            law.why,
        ]
        if isinstance(error, BrokenLawError):
            told += ["", f"promised: {error.promised}", f"happened: {error.happened}"]
            cause = error.__cause__
        else:
            told += ["", f"promised: {law.sentence}", f"happened: {type(error).__name__}: {error}"]
            cause = error
        told += ["history:", self.told or "   (no call was made)"]
        if cause is not None:
            told += ["", "".join(traceback.format_exception(cause)).rstrip()]
        return self.finding(Outcome.BROKEN, "\n".join(told))


def try_law(suite: EngineUnderTest, law: Law, settings: Settings | None = None) -> Finding:
    """Tries the law once, on a fresh engine, and returns the finding. Errors of the engine are part of it.

    An event loop must not be running in this thread.

    Raises:
        StorageError: The storage doesn't start.
    """
    began = time.monotonic()
    reason = suite.requirements.reason(law.id)
    finding = _tried(suite, law, settings or Settings())
    if reason is not None and finding.outcome is Outcome.HELD:
        told = f"{law.id} was declared ({reason}), yet it holds: take it out of the requirements ({law.sentence})"
        finding = replace(finding, outcome=Outcome.HELD_THOUGH_DECLARED, told=told)
    elif reason is not None and finding.outcome is not Outcome.NOT_OFFERED:
        finding = replace(finding, outcome=Outcome.DECLARED, told=reason)
    return replace(finding, seconds=time.monotonic() - began)


def _tried(suite: EngineUnderTest, law: Law, settings: Settings) -> Finding:
    attempt = _Attempt(suite, law, settings)
    with tempfile.TemporaryDirectory(prefix="nact-law-", ignore_cleanup_errors=True) as folder:
        suite.folder = Path(folder)
        try:
            with _watchdog(settings), asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(attempt.run())
        except NotTriedError as missing:
            return attempt.finding(_outcome_of(missing), missing.why)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, it goes into the finding)
            finding = attempt.broken(error)
        else:
            return attempt.finding(Outcome.HELD)
    _forget_what_it_left()
    return finding


def _forget_what_it_left() -> None:
    """Collects the calls that a broken-off law left: their warnings mustn't fail the next test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def _outcome_of(missing: NotTriedError) -> Outcome:
    if missing.need in ABILITIES:
        return Outcome.NOT_OFFERED
    return Outcome.NOT_RUN if missing.need in EXPECTED_OF_AUTHORS else Outcome.NOT_TESTED


def run_as_test(suite: EngineUnderTest, law: Law, request: pytest.FixtureRequest) -> None:
    """Tries the law as pytest's test, and hands the finding to the report."""
    import pytest  # noqa: PLC0415 (the laws can be tried without pytest)

    option = request.config.getoption
    suite.requirements = suite.requirements.and_those(option("conformance_declare"))
    timeout = option("conformance_timeout")
    settings = Settings(rounds=option("conformance_rounds"), timeout=timeout, law_timeout=CALLS_OF_A_LAW * timeout)
    finding = try_law(suite, law, settings)
    request.node.user_properties.append(("nact_conformance_finding", finding.as_json()))
    if finding.outcome in {Outcome.BROKEN, Outcome.HELD_THOUGH_DECLARED}:
        pytest.fail(finding.told, pytrace=False)
    if finding.outcome is Outcome.DECLARED:
        pytest.xfail(f"declared: {finding.told}")
    if finding.outcome is not Outcome.HELD:
        pytest.skip(f"{finding.outcome.value}: {finding.told}")


def _closing(client: Client) -> Callable[[Kind, BaseException | None, TracebackType | None], Awaitable[bool]]:
    """Closes the client. What goes wrong with that isn't told when the law was broken before."""

    async def close(kind: Kind, _error: BaseException | None, _trace: TracebackType | None) -> bool:
        try:
            await client.release()
        except Exception:
            if kind is None:
                raise
        return False

    return close


@contextmanager
def _watchdog(settings: Settings) -> Iterator[None]:
    """Ends a law whose engine blocks the event loop, which no time limit of asyncio can end."""
    usable = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    if not usable or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield
        return
    seconds = settings.law_timeout + settings.timeout

    def bark(_number: int, _frame: FrameType | None) -> None:
        raise BrokenLawError(
            "an engine never blocks the event loop", f"it was blocked, and the law undecided after {seconds:g} s"
        )

    signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
