"""`dispatch`, `query`, `stop` and `stopped`: functions on references."""

from __future__ import annotations

from asyncio import Future, get_running_loop, wait
from collections.abc import Callable
from typing import Any, Final, TypeVar, overload

from nact._actor.cell import Cell
from nact._actor.replies import PassedOnReply, Reply
from nact._runtime.endings import stopped_error
from nact.durations import Duration, in_seconds
from nact.references import NOBODY, ActorRef

Msg = TypeVar("Msg")
Answer = TypeVar("Answer")

_NO_MESSAGE: Final = object()


def dispatch(ref: ActorRef[Msg], msg: Msg, sender: ActorRef[Any] | None = None) -> None:
    """Sends `msg` to the actor, and returns at once.

    Messages from one sender to one actor arrive in the order in which they were dispatched, each at most once. If the
    actor has stopped or its mailbox is full, or if `ref` is `NOBODY`, the message is a dead letter.

    Call this on the event loop of the actor's system; from another thread, with
    `loop.call_soon_threadsafe(dispatch, ref, msg)`.

    Args:
        ref: The actor to send to.
        msg: The message. It isn't copied: don't change it afterwards.
        sender: The reference that an answer should go to; the actor sees it as `ctx.sender`. Give your own `ctx.sender`
            to pass a question on: then the other actor has to answer it, and if that actor stops, the question fails.

    Raises:
        TypeError: `ref` or `sender` isn't a reference.
        RuntimeError: The message would be lost, since the event loop of the actor's system is closed, or runs in
            another thread.
    """
    try:
        target = ref._target
    except AttributeError:
        raise _not_a_reference("ref", ref) from None
    if sender is None:
        sender = NOBODY
    elif type(sender) is not ActorRef and sender is not NOBODY:
        sender = _asker_or_system(ref, sender)
    if target is not None:
        target.receive(msg, sender)
    else:
        _dead_letter(ref, msg)


@overload
def query(ref: ActorRef[Msg], *, make: Callable[[ActorRef[Answer]], Msg], timeout: Duration) -> Future[Answer]: ...
@overload
def query(ref: ActorRef[Msg], msg: Msg, timeout: Duration) -> Future[Any]: ...
def query(
    ref: ActorRef[Any], msg: Any = _NO_MESSAGE, timeout: Any = None, *, make: Callable[..., Any] | None = None
) -> Future[Any]:
    """Sends `msg` at once, and returns a future of the answer.

    Await it, as in `reply = await query(ref, msg, 5 * seconds)`. The answer is the first message that is dispatched to
    `ctx.sender`. Cancelling the wait doesn't take the message back.

    Args:
        ref: The actor to ask.
        msg: The question. It is sent as it is, even if it is callable.
        timeout: The longest time to wait: seconds, or a `timedelta`.
        make: A function that makes the question from the reference to answer to, given in place of `msg`, as in
            `query(ref, make=lambda reply_to: Add(2, reply_to), timeout=5)`. A type checker then infers the answer's
            type; for a lambda, it needs the type of the result (`total: int = await query(...)`).

    Raises:
        ActorStoppedError: The actor, or the one that it passed the question on to, has stopped, or stops before it
            answers. If a failure stopped it, that is the error's `__cause__`.
        HandlerFailedError: The handler of the question raised, and its actor goes on.
        MailboxFullError: The actor's mailbox is full (`mailbox_limit`).
        QueryTimeoutError: No answer came in time. The error comes at most 10 ms late if the event loop isn't busy.
        TypeError, ValueError: At the call: an argument is invalid.
    """
    if not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    if (msg is _NO_MESSAGE) is (make is None):
        raise TypeError("query takes either a message, or make=, which makes one from the reference to answer to")
    seconds = in_seconds(timeout, "timeout")
    target = ref._target
    if not isinstance(target, Cell):
        return _failed(stopped_error(ref, "it can't answer"))
    new_reply = target.runtime.new_reply  # in two steps, which is faster on Python 3.11
    reply: Reply = new_reply(target, seconds)
    answer = reply.answer  # a full mailbox closes the reply
    target.receive(msg if make is None else _make_message(make, reply), reply)
    return answer


def stop(ref: ActorRef[Any]) -> None:
    """Tells the actor, or the whole system, to stop with all its descendants. Returns at once; can be called again.

    From now on messages to the actor are dead letters, those in its mailbox included, and its name is free. The message
    in progress is finished. Children end before their parent, and each runs its `after_stop` with its last state.

    Raises:
        TypeError: `ref` isn't a reference.
    """
    if not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    if ref._target is not None:
        ref._target.stop()


async def stopped(ref: ActorRef[Any]) -> None:
    """Returns when the actor, or the whole system, has ended with all its descendants, and its `after_stop` is done.

    If it has ended already, this returns at once. It neither stops the actor nor raises the failure that stopped it:
    that goes to supervision policies and askers. Cancelling one wait doesn't affect others. A handler must not await
    the end of its own actor, or of one above it: it would wait for itself.

    Raises:
        TypeError: `ref` isn't a reference to an actor or a system.
    """
    is_question = isinstance(ref, Reply | PassedOnReply)
    if is_question or not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    end = ref._top()._end_of(ref)
    if end is not None:
        await wait([end])  # awaited directly, it would be cancelled with any one of its waiters


def _make_message(factory: Callable[[ActorRef[Any]], Any], reply: Reply) -> Any:
    try:
        return factory(reply)
    except BaseException:
        reply.close().cancel()  # tells the question's observer of its end
        raise


def _failed(error: Exception) -> Future[Any]:
    answer = get_running_loop().create_future()
    answer.set_exception(error)
    return answer


def _dead_letter(ref: ActorRef[Any], msg: object) -> None:
    ref._top()._dead_letter(ref, msg)


def _asker_or_system(ref: ActorRef[Any], sender: Any) -> ActorRef[Any]:
    """Returns the sender. If it is a question's, this passes the question on, unless `msg` answers another question."""
    if not isinstance(sender, ActorRef):
        raise _not_a_reference("sender", sender)
    if not isinstance(sender, Reply | PassedOnReply) or ref is NOBODY or isinstance(ref, Reply | PassedOnReply):
        return sender
    target = ref._target
    if isinstance(target, Cell):
        return sender.pass_on(target)
    sender.lose(stopped_error(ref, "it can't answer what was passed on to it"))
    return sender


def _not_a_reference(argument: str, value: object) -> TypeError:
    return TypeError(f"{argument} must be an ActorRef, as spawn returns it, not {value!r}")
