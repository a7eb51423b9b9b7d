"""Sends requests to whichever server has their keys, and keeps at it for a while. Never waits for ever.

Every request has the same effect when it is sent twice, so one whose answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from redis.exceptions import AskError, MovedError, NoPermissionError, NoScriptError, ResponseError

from nact.errors import EngineClosedError, NactError
from nact.persistence.building.retry import Retry
from nact_persistence_redis._connections.abandoned import Peer
from nact_persistence_redis._connections.connections import Pool
from nact_persistence_redis._connections.encoding import Ask, Reply
from nact_persistence_redis._connections.errors import (
    DRIVER_ERRORS,
    InterruptedExchange,
    PassingWeaknessError,
    is_passing,
    unavailable,
)
from nact_persistence_redis._routing.durability import Confirmation, Promise
from nact_persistence_redis._routing.request import Question, Request
from nact_persistence_redis._routing.server_settings import settings_of
from nact_persistence_redis._routing.servers import Servers
from nact_persistence_redis._statements.scripts import Command

_OPENING_PAUSE = 0.25


class Link:
    """The way to the servers.

    Args:
        servers: Where the keys are.
        promise: What the servers have to promise. Each is asked before it is used, and again when it comes back.
        timeout: For one round trip, in seconds.
        retry_for: After so many seconds no further try begins; but the first one, if it wasn't answered in time, is
            always followed by another, over a connection that is new.
    """

    def __init__(self, servers: Servers, promise: Promise, timeout: float, retry_for: float) -> None:
        self.servers = servers
        self._promise = promise
        self._confirmations: dict[Pool, Confirmation | None] = {}
        self._timeout = timeout
        self._retry_for = retry_for
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def open(self) -> None:
        """Finds the servers, and holds what each promises against what was asked for.

        Raises:
            EngineUnavailableError: None can be reached, or one promises less.
        """
        retry = Retry(self._retry_for, first_pause=_OPENING_PAUSE)
        while not self._closed:
            try:
                await self.servers.open()
                break
            except DRIVER_ERRORS as error:
                if retry.is_over:
                    raise unavailable(error, outcome_known=True) from error
            await retry.wait()
        replies = await self.ask([Request(b"", ("PING",), pool=pool) for pool in self.servers.pools()])
        failures = [reply for reply in replies if isinstance(reply, NactError)]
        for failure in failures:
            # Of several servers one may be down: it is asked when it is back.
            if failure.__cause__ is None or len(failures) == len(replies):
                raise failure

    async def aclose(self) -> None:
        """Waits for the round trips under way, and closes the connections."""
        self._closed = True
        await self._idle.wait()
        if self.servers.lines.abandoned:
            await asyncio.gather(*[self._end_abandoned(pool) for pool in self.servers.pools()])
        await self.servers.aclose()

    async def ask(self, requests: Sequence[Request], *, durably: bool = False) -> list[Reply]:
        """A reply to each request, in order, or the `NactError` that it ended with.

        Args:
            requests: What to send. Those for one server travel together.
            durably: Reply only when what was written is confirmed.

        Raises:
            EngineClosedError: The engine was closed meanwhile.
        """
        questions = [Question(request) for request in requests]
        open_questions, retry, is_first = questions, Retry(self._retry_for), True
        while True:
            await self._send(open_questions, durably)
            open_questions = [question for question in open_questions if not question.is_answered]
            if not open_questions:
                return [question.answer for question in questions]
            if is_first and any(isinstance(question.cause, TimeoutError) for question in open_questions):
                retry.grant_attempt()
            if retry.is_over:
                for question in open_questions:
                    question.give_up()
                return [question.answer for question in questions]
            await self._pause(retry, open_questions)
            is_first = False

    async def one(self, request: Request) -> Reply:
        """The reply to one request.

        Raises:
            NactError: It ended with that.
        """
        (reply,) = await self.ask([request])
        if isinstance(reply, NactError):
            raise reply
        return reply

    async def _pause(self, retry: Retry, questions: list[Question]) -> None:
        if not all(isinstance(question.cause, AskError | MovedError) for question in questions):
            await retry.wait()
        with self._under_way():  # which opens nothing once it is closed
            await self.servers.look_again(questions[0].request.name)

    async def _send(self, questions: list[Question], durably: bool) -> None:
        """To every server what is for it, to all at once."""
        groups: dict[Pool, list[Question]] = {}
        for question in questions:
            pool = question.asked_at or question.request.pool or self.servers.pool(question.request.name)
            groups.setdefault(pool, []).append(question)
        with self._under_way():
            parts = [self._send_to(pool, group, durably) for pool, group in groups.items()]
            if len(parts) == 1:
                await parts[0]
            else:
                await asyncio.gather(*parts)

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        if self._closed:
            raise EngineClosedError("the engine is closed; make a new one")
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()

    async def _send_to(self, pool: Pool, questions: list[Question], durably: bool) -> None:
        try:
            forgotten = await self._round_trip(pool, questions, durably)
            if forgotten:
                await self._round_trip(pool, forgotten, durably, with_scripts=True)
        except InterruptedExchange as interrupted:
            for question in questions:
                question.interrupt(interrupted)
        except PassingWeaknessError as weakness:
            for question in questions:
                question.cause = weakness
        except NactError as refused:
            for question in questions:
                question.turn_away(refused)

    async def _end_abandoned(self, pool: Pool) -> None:
        """So that what this engine left unfinished doesn't come after what is read from now on; as well as it can."""
        with suppress(InterruptedExchange, NactError):
            await self.servers.lines.exchange(pool, lambda: [("PING",)], self._timeout, greet=self._check)

    async def _check(self, pool: Pool, ask: Ask) -> Peer:
        """Holds what the server says of itself against what was asked for; called for every new connection."""
        settings = await settings_of(ask)
        self._promise.check(settings)
        self._confirmations[pool] = self._promise.confirmation(settings)
        return settings.peer

    async def _round_trip(
        self, pool: Pool, questions: list[Question], durably: bool, *, with_scripts: bool = False
    ) -> list[Question]:
        """Settles the questions that get a final answer. Returns those whose script the server has forgotten."""
        confirmation: Confirmation | None = None

        def compose() -> Sequence[Command]:
            nonlocal confirmation
            confirmation = self._confirmations[pool] if durably else None
            return _commands(questions, confirmation, with_scripts)

        replies = await self.servers.lines.exchange(pool, compose, self._timeout, greet=self._check, writes=durably)
        doubt = None if confirmation is None else confirmation.doubt(replies[-1])
        place, forgotten = 0, []
        for question in questions:
            place += question.asked_at is not None
            if isinstance(replies[place], NoScriptError) and not with_scripts:
                forgotten.append(question)
            else:
                self._take(question, replies[place], doubt)
            place += 1
        return forgotten

    def _take(self, question: Question, reply: Reply, doubt: Exception | None) -> None:
        question.asked_at = None
        if not isinstance(reply, ResponseError):
            if doubt is None:
                question.settle(reply)
                return
            question.request.maybe_done, question.cause = True, doubt
            if isinstance(doubt, NoPermissionError):
                question.refuse(doubt)
        elif isinstance(reply, AskError) and not isinstance(reply, MovedError):
            question.asked_at = self.servers.pool_at(reply.host, reply.port)
            question.cause = reply
        elif is_passing(reply):
            question.cause = reply
        else:
            question.refuse(reply)


def _commands(questions: list[Question], confirmation: Confirmation | None, with_scripts: bool) -> list[Command]:
    commands: list[Command] = []
    for question in questions:
        command, script = question.request.command, question.request.script
        if question.asked_at is not None:
            commands.append(("ASKING",))
        commands.append(script.whole(command) if with_scripts and script is not None else command)
    if confirmation is not None:
        commands += confirmation.commands
    return commands
