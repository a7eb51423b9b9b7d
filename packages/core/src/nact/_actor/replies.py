"""The other side of a `query`: references that take one answer, and know when none will come."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from typing import Any, Protocol, TypeAlias

from nact._runtime.runtime import Runtime
from nact._runtime.scheduler import Scheduler
from nact._runtime.timers import Bucket
from nact.errors import ActorStoppedError, HandlerFailedError, MailboxFullError, QueryTimeoutError
from nact.references import ActorRef


class Holder(Protocol):
    """What a question knows of the cell that holds it: of an actor that was asked, or that it was passed on to."""

    queries: set[Asker] | None

    @property
    def ref(self) -> ActorRef[Any]: ...

    @property
    def runtime(self) -> Runtime: ...

    @property
    def scheduler(self) -> Scheduler: ...


class Reply(ActorRef[Any]):
    """What a queried actor sees as the sender. The first message to it is the answer; later ones are dead letters.

    The question is *held* by the actor that was asked, until that passes it on with `dispatch(other, msg, ctx.sender)`.
    From then on it is held by those that it was passed on to, and fails when the last of them has stopped.
    """

    __slots__ = ("_asked", "_bucket", "_held", "_timeout", "answer")

    def __init__(self, asked: Holder, timeout: float) -> None:
        # Not by super().__init__, which costs a quarter of a query.
        self.name = "query"  # type: ignore[misc]
        runtime = asked.runtime
        self.parent = runtime.ref  # type: ignore[misc]
        self._target = self
        self._asked = asked
        self._timeout = timeout
        self._held: set[PassedOn] | None = None
        """The holders since it was passed on; `None` before."""
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
        """The time is over. Also the end of a question whose asker was cancelled."""
        self._fail(QueryTimeoutError(f"{self._asked.ref.path} didn't answer within {self._timeout:g} s"))

    # --- what becomes of the actor that holds the question ------------------------------------------------------------

    def target_stopped(self, cause: BaseException | None) -> None:
        """The actor that was asked has stopped, perhaps because of a failure."""
        self._fail(stopped_before(self._asked.ref, cause))

    def handler_failed(self, holder: ActorRef[Any], error: Exception) -> None:
        """The handler of the question raised, and its actor goes on."""
        if self._target is not None and self._held is None:
            self._fail(_failed_handler(holder, error))

    def refused(self, error: MailboxFullError) -> bool:
        """The mailbox of the actor is full. Returns whether the asker learns of it."""
        if self._target is None:
            return False
        self._fail(error)
        return True

    # --- passing it on ------------------------------------------------------------------------------------------------

    def pass_on(self, to: Holder) -> ActorRef[Any]:
        """Makes another actor a holder. Returns what that one sees as the sender."""
        if self._target is None:
            return self
        self.let_go()
        return self.held_by(to)

    def lose(self, error: Exception) -> None:
        """It was passed on to an actor that can't take it."""
        if self._target is not None:
            self.let_go()
            self.unless_held(error)

    def let_go(self) -> None:
        """The actor that was asked passes the question on."""
        if self._held is None:
            self._held = set()
            if self._asked.queries is not None:
                self._asked.queries.discard(self)

    def held_by(self, holder: Holder) -> PassedOn:
        """One more actor may answer."""
        share = PassedOn(self, holder)
        if self._held is not None:
            self._held.add(share)
        if holder.queries is None:
            holder.queries = set()
        holder.queries.add(share)
        if holder.runtime is not self._asked.runtime and not isinstance(self._bucket, _Deadline):
            self._outlive_system()
        return share

    def no_longer_held_by(self, share: PassedOn) -> None:
        """One that might have answered won't."""
        if self._held is not None:
            self._held.discard(share)

    def unless_held(self, error: Exception) -> None:
        """Fails if there is no holder. A handler that passes the question on to several may go on doing so first."""
        loop = self._asked.scheduler.loop
        if self._target is not None and not self._held and not loop.is_closed():
            _ = loop.call_soon(self._fail_unheld, error)

    def _fail_unheld(self, error: Exception) -> None:
        if self._target is not None and not self._held:
            self._fail(error)

    def _outlive_system(self) -> None:
        """Another system's actor holds the question: its deadline mustn't end with the system of the one asked."""
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
        """From now on answers are dead letters. Lets go of the future: an idle actor's context still holds this."""
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


class PassedOn(ActorRef[Any]):
    """What an actor sees as the sender of a question that another one has passed on to it: the same question.

    Each holder has one of its own, so that it is known which of them passes the question on, or stops.
    """

    __slots__ = ("_holder", "question")

    def __init__(self, question: Reply, holder: Holder) -> None:
        super().__init__(question.name, question.parent, None)
        self._target = self
        self._holder = holder
        self.question = question

    @property
    def is_stopped(self) -> bool:
        """Whether the question has been answered, or has failed."""
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
        """The holder has stopped, perhaps because of a failure."""
        self.let_go()
        self.question.unless_held(stopped_before(self._holder.ref, cause))

    def handler_failed(self, holder: ActorRef[Any], error: Exception) -> None:
        """The handler of the question raised, and its actor goes on."""
        if self._holder.queries is not None and self in self._holder.queries:
            self.let_go()
            self.question.unless_held(_failed_handler(holder, error))

    def refused(self, error: MailboxFullError) -> bool:
        """The mailbox of the holder is full. The message that would have passed the question on is lost."""
        self.let_go()
        self.question.unless_held(error)
        return False

    def pass_on(self, to: Holder) -> ActorRef[Any]:
        """Makes another actor a holder in the place of this one. Returns what that one sees as the sender."""
        if self.question.is_stopped:
            return self.question
        self.let_go()
        return self.question.held_by(to)

    def lose(self, error: Exception) -> None:
        """It was passed on to an actor that can't take it."""
        self.let_go()
        self.question.unless_held(error)

    def let_go(self) -> None:
        """The holder passes the question on, or won't answer."""
        self.question.no_longer_held_by(self)
        self.forget()

    def forget(self) -> None:
        """The question isn't the holder's any more."""
        if self._holder.queries is not None:
            self._holder.queries.discard(self)


Asker: TypeAlias = Reply | PassedOn
"""The sender of a question, as one who handles it sees it."""


class _Deadline:
    """A deadline on the event loop's own timer, in the place of a bucket of the system's."""

    __slots__ = ("_handle",)

    def __init__(self, loop: AbstractEventLoop, delay: float, question: Reply) -> None:
        self._handle = loop.call_later(delay, question.expire)

    def discard(self, question: Reply) -> None:
        self._handle.cancel()


def stopped_before(ref: ActorRef[Any], cause: BaseException | None) -> ActorStoppedError:
    """A fresh error for each asker: when several raise one, its traceback is everybody's."""
    after = "" if cause is None else f", after a failure ({type(cause).__name__})"
    error = ActorStoppedError(f"{ref.path} stopped before it answered{after}")
    error.__cause__ = cause
    return error


def _failed_handler(ref: ActorRef[Any], cause: Exception) -> HandlerFailedError:
    error = HandlerFailedError(f"{ref.path} failed while it handled the question ({type(cause).__name__})")
    error.__cause__ = cause
    return error
