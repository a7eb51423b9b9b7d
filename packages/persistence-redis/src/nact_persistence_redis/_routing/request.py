"""A request, and what becomes of it until it has an answer."""

from __future__ import annotations

from dataclasses import dataclass

from redis.exceptions import AuthenticationError, ResponseError

from nact.errors import EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence.building.errors import copy_for_caller, engine_unavailable
from nact_persistence_redis._connections.connections import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import InterruptedExchange, refusal, unavailable
from nact_persistence_redis._statements.scripts import Command, Script


@dataclass(slots=True, eq=False)
class Request:
    """A command for the server that has a name.

    Attributes:
        name: The Redis key that says which server.
        command: What to send.
        key: The persistence key, for errors.
        script: What `command` calls by its digest.
        pool: The server, if the name doesn't tell.
        maybe_done: Whether a try that got no answer may have had its effect. Known when there is an answer.
    """

    name: bytes
    command: Command
    key: str | None = None
    script: Script | None = None
    pool: Pool | None = None
    maybe_done: bool = False


@dataclass(slots=True, eq=False)
class Question:
    """A request on its way to an answer."""

    request: Request
    answer: Reply = None
    is_answered: bool = False
    asked_at: Pool | None = None
    cause: BaseException | None = None

    def settle(self, answer: Reply) -> None:
        self.answer, self.is_answered = answer, True

    def refuse(self, error: ResponseError) -> None:
        self.settle(refusal(error, self.request.key, outcome_known=not self.request.maybe_done))
        self.answer.__cause__ = error

    def interrupt(self, by: InterruptedExchange) -> None:
        if not self.is_answered:
            self.cause, self.asked_at = by.__cause__, None
            self.request.maybe_done |= by.was_sent
            if isinstance(self.cause, AuthenticationError):
                self.give_up()

    def turn_away(self, error: NactError) -> None:
        """The server isn't to be used. What was asked before may have been done."""
        if self.is_answered:
            return
        answer = copy_for_caller(error)
        if isinstance(error, EngineUnavailableError):
            answer = engine_unavailable(
                error.message, outcome_known=not isinstance(error, OutcomeUnknownError) and not self.request.maybe_done
            )
            answer.__cause__ = error.__cause__
        self.settle(answer)

    def give_up(self) -> None:
        if isinstance(self.cause, NactError):
            self.turn_away(self.cause)
            return
        self.settle(unavailable(self.cause, outcome_known=not self.request.maybe_done))
        self.answer.__cause__ = self.cause
