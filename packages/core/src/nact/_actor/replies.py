"""The senders of questions that `query` asks: references that take one answer, or fail when none can come."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from typing import Any, Protocol, TypeAlias

from nact._runtime.runtime import Runtime
from nact._runtime.scheduler import Scheduler
from nact._runtime.timers import Bucket
from nact.errors import ActorStoppedError, HandlerFailedError, MailboxFullError, QueryTimeoutError
from nact.references import ActorRef


class Holder(Protocol):
    """The cell that holds a question: of the actor that was asked, or of one that the question was passed on to."""

    queries: set[AnyReply] | None

    @property
    def ref(self) -> ActorRef[Any]: ...

    @property
    def runtime(self) -> Runtime: ...

    @property
    def scheduler(self) -> Scheduler: ...


class Reply(ActorRef[Any]):
    """The sender that a queried actor sees. The first message to it is the answer; later ones are dead letters.

    The actor that was asked *holds* the question, until it passes it on with `dispatch(other, msg, ctx.sender)`. From
    then on the actors that it was passed on to hold it. It fails when the last of them has stopped.
    """

    __slots__ = ("_asked", "_bucket", "_held", "_timeout", "answer")

    def __init__(self, asked: Holder, timeout: float) -> None:
        # Without super().__init__, which would take a quarter of a query's time.
        self.name = "query"  # type: ignore[misc]
        runtime = asked.runtime
        self.parent = runtime.ref  # type: ignore[misc]
        self._target = self
        self._asked = asked
        self._timeout = timeout
        self._held: set[PassedOnReply] | None = None
        """The senders that the holders see, since it was passed on; `None` before."""
        self.answer: Future[Any] = Future(loop=asked.scheduler.loop)
        self._bucket: Bucket | _Deadline = runtime.timers.add(timeout, self)
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
            self._asked.runtime.dead_letter(self, msg)

    def stop(self) -> None:
        """A question can't be stopped."""

    def expire(self) -> None:
        """Fails with `QueryTimeoutError`; or ends a question whose asker was cancelled."""
        self._fail(QueryTimeoutError(f"{self._asked.ref.path} didn't answer within {self._timeout:g} s"))

    # --- what becomes of the actor that holds the question ------------------------------------------------------------

    def target_stopped(self, cause: BaseException | None) -> None:
        """Called when the actor that was asked has stopped, perhaps because of a failure."""
        self._fail(stopped_before_answer(self._asked.ref, cause))

    def handler_failed(self, holder: ActorRef[Any], error: Exception) -> None:
        """Called when the handler of the question has raised, and its actor goes on."""
        if self._target is not None and self._held is None:
            self._fail(_failed_handler(holder, error))

    def refused(self, error: MailboxFullError) -> bool:
        """Called when the actor's mailbox is full. Returns whether the asker learns of it."""
        if self._target is None:
            return False
        self._fail(error)
        return True

    # --- passing it on ------------------------------------------------------------------------------------------------

    def pass_on(self, to: Holder) -> ActorRef[Any]:
        """Makes another actor a holder. Returns the sender that the new holder sees."""
        if self._target is None:
            return self
        self.let_go()
        return self.held_by(to)

    def lose(self, error: Exception) -> None:
        """Called when it was passed on to an actor that has stopped."""
        if self._target is not None:
            self.let_go()
            self.unless_held(error)

    def let_go(self) -> None:
        """Ends the holding by the actor that was asked, which passes the question on."""
        if self._held is None:
            self._held = set()
            if self._asked.queries is not None:
                self._asked.queries.discard(self)

    def held_by(self, holder: Holder) -> PassedOnReply:
        """Adds a holder. Returns the sender that it sees."""
        share = PassedOnReply(self, holder)
        if self._held is not None:
            self._held.add(share)
        if holder.queries is None:
            holder.queries = set()
        holder.queries.add(share)
        if holder.runtime is not self._asked.runtime and not isinstance(self._bucket, _Deadline):
            self._outlive_system()
        return share

    def no_longer_held_by(self, share: PassedOnReply) -> None:
        """Removes a holder that won't answer."""
        if self._held is not None:
            self._held.discard(share)

    def unless_held(self, error: Exception) -> None:
        """Fails if there is no holder after this pass of the loop: the handler may still pass the question on."""
        loop = self._asked.scheduler.loop
        if self._target is not None and not self._held and not loop.is_closed():
            _ = loop.call_soon(self._fail_unheld, error)

    def _fail_unheld(self, error: Exception) -> None:
        if self._target is not None and not self._held:
            self._fail(error)

    def _outlive_system(self) -> None:
        """Keeps the deadline when the system that was asked ends: an actor of another one holds the question."""
        runtime = self._asked.runtime
        if not isinstance(self._bucket, _Deadline):
            remaining = runtime.timers.remaining(self._bucket)
            self._bucket.discard(self)
            self._bucket = _Deadline(runtime.scheduler.loop, remaining, self)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        answer = self.close()
        if not answer.done():
            answer.set_exception(error)

    def close(self) -> Future[Any]:
        """Makes later answers dead letters. Returns the future, and drops it: an idle actor's context keeps this."""
        self._target = None
        self._bucket.discard(self)
        questions = self._asked.queries
        if questions is not None:
            questions.discard(self)
        if self._held is not None:
            for share in self._held:
                share.forget()
            self._held = set()
        answer = self.answer
        del self.answer
        return answer


class PassedOnReply(ActorRef[Any]):
    """The sender that an actor sees if another actor has passed a question on to it.

    Each holder has one of its own. It shows which holder passes the question on, fails or stops.
    """

    __slots__ = ("_holder", "question")

    def __init__(self, question: Reply, holder: Holder) -> None:
        super().__init__(question.name, question.parent, None)
        self._target = self
        self._holder = holder
        self.question = question

    @property
    def is_stopped(self) -> bool:
        """True if the question has been answered, or has failed."""
        return self.question.is_stopped

    def receive(self, msg: object, sender: ActorRef[Any]) -> None:
        """Takes the answer."""
        if self.question.is_stopped:
            self._holder.runtime.dead_letter(self, msg)
        else:
            self.question.receive(msg, sender)

    def stop(self) -> None:
        """A question can't be stopped."""

    def target_stopped(self, cause: BaseException | None) -> None:
        """Called when the holder has stopped, perhaps because of a failure."""
        self.let_go()
        self.question.unless_held(stopped_before_answer(self._holder.ref, cause))

    def handler_failed(self, holder: ActorRef[Any], error: Exception) -> None:
        """Called when the handler of the question has raised, and its actor goes on."""
        if self._holder.queries is not None and self in self._holder.queries:
            self.let_go()
            self.question.unless_held(_failed_handler(holder, error))

    def refused(self, error: MailboxFullError) -> bool:
        """Called when the holder's mailbox is full. The message that passed the question on is lost."""
        self.let_go()
        self.question.unless_held(error)
        return False

    def pass_on(self, to: Holder) -> ActorRef[Any]:
        """Makes another actor the holder in place of this one. Returns the sender that the new holder sees."""
        if self.question.is_stopped:
            return self.question
        self.let_go()
        return self.question.held_by(to)

    def lose(self, error: Exception) -> None:
        """Called when it was passed on to an actor that has stopped."""
        self.let_go()
        self.question.unless_held(error)

    def let_go(self) -> None:
        """Ends the holding: the holder passes the question on, or won't answer."""
        self.question.no_longer_held_by(self)
        self.forget()

    def forget(self) -> None:
        """Removes the question from those that the holder has to answer."""
        if self._holder.queries is not None:
            self._holder.queries.discard(self)


AnyReply: TypeAlias = Reply | PassedOnReply
"""The sender that the handler of a question sees."""


class _Deadline:
    """A deadline on the event loop's own timer, in place of a bucket of the system's timers."""

    __slots__ = ("_handle",)

    def __init__(self, loop: AbstractEventLoop, delay: float, question: Reply) -> None:
        self._handle = loop.call_later(delay, question.expire)

    def discard(self, question: Reply) -> None:
        self._handle.cancel()


def stopped_before_answer(ref: ActorRef[Any], cause: BaseException | None) -> ActorStoppedError:
    """A new error for each asker: an error that several raise gathers the tracebacks of all."""
    after = "" if cause is None else f", after a failure ({type(cause).__name__})"
    error = ActorStoppedError(f"{ref.path} stopped before it answered{after}")
    error.__cause__ = cause
    return error


def _failed_handler(ref: ActorRef[Any], cause: Exception) -> HandlerFailedError:
    error = HandlerFailedError(f"{ref.path} failed while it handled the question ({type(cause).__name__})")
    error.__cause__ = cause
    return error
