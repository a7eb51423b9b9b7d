"""`dispatch`, `query`, `stop`: what can be done with a reference."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Callable
from typing import Any, TypeVar, overload

from nact._cell import Cell
from nact._replies import Reply
from nact.durations import Duration, in_seconds
from nact.errors import ActorStoppedError
from nact.references import NOBODY, ActorRef

Msg = TypeVar("Msg")
Answer = TypeVar("Answer")


def dispatch(ref: ActorRef[Msg], msg: Msg, sender: ActorRef[Any] | None = None) -> None:
    """Sends `msg` to the actor, and returns at once.

    Messages from one sender to one actor arrive in the order in which they were dispatched, each at most once. To an
    actor that has stopped, and to `NOBODY`, the message is a dead letter. Call it on the event loop of the actor's
    system; from another thread, by `loop.call_soon_threadsafe(dispatch, ref, msg)`.

    Args:
        ref: Whom to send to.
        msg: What to send. It isn't copied: don't change it afterwards.
        sender: Whom an answer should go to; the actor sees it as `ctx.sender`.

    Raises:
        TypeError: `ref` or `sender` isn't a reference.
    """
    try:
        target = ref._target
    except AttributeError:
        raise _not_a_reference("ref", ref) from None
    if sender is None:
        sender = NOBODY
    elif not isinstance(sender, ActorRef):
        raise _not_a_reference("sender", sender)
    if target is not None:
        target.receive(msg, sender)
    else:
        _dead_letter(ref, msg)


@overload
def query(ref: ActorRef[Msg], msg: Callable[[ActorRef[Answer]], Msg], timeout: Duration) -> Future[Answer]: ...
@overload
def query(ref: ActorRef[Msg], msg: Msg, timeout: Duration) -> Future[Any]: ...
def query(ref: ActorRef[Any], msg: Any, timeout: Duration) -> Future[Any]:
    """Sends `msg` at once, and returns a future of the answer.

    As in `reply = await query(ref, msg, 5 * seconds)`. The answer is the first message dispatched to `ctx.sender`.
    Cancelling the wait doesn't take the message back.

    Args:
        ref: Whom to ask.
        msg: What to ask; or a function that makes it from the reference to answer to (`reply_to -> msg`), which lets a
            type checker know the answer's type.
        timeout: How long to wait: seconds, or a `timedelta`.

    Raises:
        ActorStoppedError: The actor has stopped, or stops before it answers.
        QueryTimeoutError: No answer came in time. Deadlines are kept to within 10 ms.
        TypeError, ValueError: At the call, if an argument can't be.
    """
    if not isinstance(ref, ActorRef):
        raise _not_a_reference("ref", ref)
    wait = in_seconds(timeout, "timeout")
    target = ref._target
    if not isinstance(target, Cell):
        return _failed(ActorStoppedError(f"{ref.path} has stopped or never existed: it can't answer"))
    new_reply = target.system.new_reply  # in two steps: in one, Python 3.11 is slower
    reply = new_reply(target, wait)
    target.receive(_made(msg, reply) if callable(msg) else msg, reply)
    return reply.answer


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


def _made(factory: Callable[[ActorRef[Any]], Any], reply: Reply) -> Any:
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
    top = ref
    while top.parent is not None:
        top = top.parent
    top.dead_letter(ref, msg)


def _not_a_reference(argument: str, value: object) -> TypeError:
    return TypeError(f"{argument} must be an ActorRef, as spawn returns it, not {value!r}")
