"""`dispatch`, `query`, `stop`, `stopped`: what can be done with a reference."""

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

    Messages from one sender to one actor arrive in the order in which they were dispatched, each at most once. To an
    actor that has stopped or whose mailbox is full, and to `NOBODY`, the message is a dead letter. Call it on the event
    loop of the actor's system; from another thread, by `loop.call_soon_threadsafe(dispatch, ref, msg)`.

    Args:
        ref: Whom to send to.
        msg: What to send. It isn't copied: don't change it afterwards.
        sender: Whom an answer should go to; the actor sees it as `ctx.sender`. With your own `ctx.sender` you pass on a
            question: then the one that it is passed on to has to answer, and if it stops, the question fails.

    Raises:
        TypeError: `ref` or `sender` isn't a reference.
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

    As in `reply = await query(ref, msg, 5 * seconds)`. The answer is the first message dispatched to `ctx.sender`.
    Cancelling the wait doesn't take the message back.

    Args:
        ref: Whom to ask.
        msg: What to ask. It is sent as it is, also if it can be called.
        timeout: How long to wait: seconds, or a `timedelta`.
        make: In place of `msg`: makes it from the reference to answer to, as in
            `query(ref, make=lambda reply_to: Add(2, reply_to), timeout=5)`. A type checker then knows what the answer
            is; from a lambda, where the answer is given its type (`total: int = await query(...)`).

    Raises:
        ActorStoppedError: The actor, or the one that it passed the question on to, has stopped, or stops before it
            answers. If a failure stopped it, that is the error's `__cause__`.
        HandlerFailedError: The handler of the question raised, and its actor goes on.
        MailboxFullError: The actor has as many messages as its `mailbox_limit` allows.
        QueryTimeoutError: No answer came in time. Deadlines are kept to within 10 ms.
        TypeError, ValueError: At the call, if an argument can't be.
    """
    if not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    if (msg is _NO_MESSAGE) is (make is None):
        raise TypeError("give query a message, or make= to make one from the reference to answer to: one of the two")
    seconds = in_seconds(timeout, "timeout")
    target = ref._target
    if not isinstance(target, Cell):
        return _failed(stopped_error(ref, "it can't answer"))
    new_reply = target.runtime.new_reply  # in two steps: in one, Python 3.11 is slower
    reply: Reply = new_reply(target, seconds)
    answer = reply.answer  # a full mailbox closes the reply
    target.receive(msg if make is None else _make_message(make, reply), reply)
    return answer


def stop(ref: ActorRef[Any]) -> None:
    """Tells the actor, or the whole system, to stop, with all below it. Returns at once; can be called again.

    From now on messages to it are dead letters, those that wait in its mailbox included; its name is free. The message
    in progress is finished. Children end before their parent, and each runs its `after_stop` with its last state.

    Raises:
        TypeError: `ref` isn't a reference.
    """
    if not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    if ref._target is not None:
        ref._target.stop()


async def stopped(ref: ActorRef[Any]) -> None:
    """Returns when the actor, or the whole system, has ended, with all below it, and its `after_stop` is done.

    At once, if it has ended already. It doesn't stop the actor, and doesn't raise what stopped it: supervision policies
    and askers learn that. Cancelling one wait leaves others undisturbed. A handler that awaits the end of its own
    actor, or of one above it, waits for itself.

    Raises:
        TypeError: `ref` isn't a reference to an actor or a system.
    """
    is_question = isinstance(ref, Reply | PassedOnReply)
    if is_question or not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    end = ref._top()._end_of(ref)
    if end is not None:
        await wait([end])  # not awaited itself: one who is cancelled would cancel it for the others


def _make_message(factory: Callable[[ActorRef[Any]], Any], reply: Reply) -> Any:
    try:
        return factory(reply)
    except BaseException:
        reply.close().cancel()  # whoever watches the question learns of its end
        raise


def _failed(error: Exception) -> Future[Any]:
    answer = get_running_loop().create_future()
    answer.set_exception(error)
    return answer


def _dead_letter(ref: ActorRef[Any], msg: object) -> None:
    ref._top()._dead_letter(ref, msg)


def _asker_or_system(ref: ActorRef[Any], sender: Any) -> ActorRef[Any]:
    """The sender, checked. If it is that of a question, this passes the question on, unless it answers another one."""
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
