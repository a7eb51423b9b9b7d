"""The other side of a `query`: a reference that takes one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nact.errors import ActorStoppedError, QueryTimeoutError
from nact.references import ActorRef

if TYPE_CHECKING:
    from nact._cell import Cell
    from nact._timers import Bucket


class Reply(ActorRef[Any]):
    """What a queried actor sees as the sender. The first message to it is the answer; later ones are dead letters."""

    __slots__ = ("_asked", "_bucket", "_timeout", "answer")

    def __init__(self, asked: Cell, timeout: float) -> None:
        # Not by super().__init__, which costs a quarter of a query.
        self.name = "query"  # type: ignore[misc]
        self.parent = system = asked.system  # type: ignore[misc]
        self._target = self
        self._asked = asked
        self._timeout = timeout
        self.answer: asyncio.Future[Any] = asyncio.Future(loop=asked.scheduler.loop)
        self._bucket: Bucket = system.timers.add(timeout, self)
        if asked.queries is None:
            asked.queries = {self}
        else:
            asked.queries.add(self)

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        """Takes the answer."""
        answer = self.close()
        if not answer.done():
            answer.set_result(msg)
        else:  # the asker was cancelled
            self._asked.system.dead_letter(self, msg)

    def stop(self) -> None:
        """A question can't be stopped."""

    def expire(self) -> None:
        """The time is over. Also the end of a question whose asker was cancelled."""
        self._fail(QueryTimeoutError(f"{self._asked.ref.path} didn't answer within {self._timeout:g} s"))

    def target_stopped(self) -> None:
        """The actor that was asked has stopped."""
        self._fail(ActorStoppedError(f"{self._asked.ref.path} stopped before it answered"))

    def _fail(self, error: Exception) -> None:
        answer = self.close()
        if not answer.done():
            answer.set_exception(error)

    def close(self) -> asyncio.Future[Any]:
        """From now on answers are dead letters. Lets go of the future: an idle actor's context still holds this."""
        self._target = None
        self._bucket.discard(self)
        questions = self._asked.queries
        if questions is not None:
            questions.discard(self)
        answer = self.answer
        del self.answer
        return answer
