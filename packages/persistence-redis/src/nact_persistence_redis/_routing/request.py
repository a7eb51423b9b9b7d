"""A request, from its first attempt to its reply."""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import AuthenticationError, ResponseError

from nact.errors import EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence.building.errors import copy_for_caller, engine_unavailable
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import InterruptedExchange, refusal, unavailable
from nact_persistence_redis._statements.scripts import Command, Script


@dataclass(slots=True, eq=False)
class Request:
    """A command for the server that has a name.

    Attributes:
        name: The Redis key that decides which server gets the command.
        command: The command.
        key: The persistence key, for errors.
        script: The script that `command` calls by its digest, if it calls one.
        pool: The server, if the name doesn't decide.
        in_doubt: Whether an attempt that got no answer may have had its effect. Known when there is a reply.
    """

    name: bytes
    command: Command
    key: str | None = None
    script: Script | None = None
    pool: Pool | None = None
    in_doubt: bool = False


@dataclass(slots=True, eq=False)
class Pending:
    """A request that is tried until it has a reply, or the time is over.

    Attributes:
        request: The request.
        reply: The server's reply, or the error of nact that it ended with.
        is_settled: Whether there is a reply.
        redirected_to: The server to which another one sent the last attempt (ASK).
        cause: Why the last attempt failed.
    """

    request: Request
    reply: Reply = None
    is_settled: bool = False
    redirected_to: Pool | None = None
    cause: BaseException | None = None

    def settle(self, reply: Reply) -> None:
        self.reply, self.is_settled = reply, True

    def refuse(self, error: ResponseError) -> None:
        """The server refused the command for good."""
        self.settle(refusal(error, self.request.key, outcome_known=not self.request.in_doubt))
        self.reply.__cause__ = error

    def interrupt(self, by: InterruptedExchange) -> None:
        """The attempt ended before its reply was read."""
        if not self.is_settled:
            self.cause, self.redirected_to = by.__cause__, None
            self.request.in_doubt |= by.was_sent
            if isinstance(self.cause, AuthenticationError):
                self.give_up()

    def fail(self, error: NactError) -> None:
        """The server must not be used. An earlier attempt may have had its effect."""
        if self.is_settled:
            return
        reply = copy_for_caller(error)
        if isinstance(error, EngineUnavailableError):
            reply = engine_unavailable(
                error.message, outcome_known=not isinstance(error, OutcomeUnknownError) and not self.request.in_doubt
            )
            reply.__cause__ = error.__cause__
        self.settle(reply)

    def give_up(self) -> None:
        """Settles the request with the cause of its last failure."""
        if isinstance(self.cause, NactError):
            self.fail(self.cause)
            return
        self.settle(unavailable(self.cause, outcome_known=not self.request.in_doubt))
        self.reply.__cause__ = self.cause
