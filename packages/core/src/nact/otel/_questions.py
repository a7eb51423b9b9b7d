"""Questions: gives each a span from `query` to the answer, and runs its handlers within it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from nact._actor.replies import PassedOnReply, Reply
from nact.otel._api import Context, NonRecordingSpan, Span, attach, detach, set_span_in_context

if TYPE_CHECKING:
    from nact._actor.cell import Cell


class TracedReply(Reply):
    """The sender that a queried actor sees. It carries the question's span to the handlers of the question."""

    __slots__ = ("_answered", "_error", "_span", "context")

    def __init__(
        self, asked: Cell, timeout: float, span: Span, answered: Callable[[Span, BaseException | None], None]
    ) -> None:
        super().__init__(asked, timeout)
        self.context = set_span_in_context(span)
        self._span = span
        self._answered = answered
        self._error: BaseException | None = None
        self.answer.add_done_callback(self._end)

    def _fail(self, error: Exception) -> None:
        self._error = error
        super()._fail(error)

    def _end(self, answer: asyncio.Future[Any]) -> None:
        # Without answer.exception(), which would mark the error as retrieved.
        self._answered(self._span, asyncio.CancelledError() if answer.cancelled() else self._error)
        # An idle actor's context keeps this object. Later work for the question needs the span's identity only.
        self.context = set_span_in_context(NonRecordingSpan(self._span.get_span_context()), self.context)
        del self._answered, self._error, self._span


def within_questions(f: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, changed to run within the span of a question, also of one that was passed on to its actor.

    For other messages it runs as before.
    """
    is_async = iscoroutinefunction(f) or iscoroutinefunction(getattr(f, "__call__", None))  # noqa: B004 - the function

    @wraps(f, updated=())
    def handler(*args: Any) -> Any:
        sender = args[-1].sender
        if isinstance(sender, PassedOnReply):
            sender = sender.question
        if not isinstance(sender, TracedReply):
            return f(*args)
        if is_async:
            return _called_within(sender.context, f, args)
        token = attach(sender.context)
        try:
            result = f(*args)
        finally:
            detach(token)
        return _awaited_within(sender.context, result) if _will_be_awaited(result, args[0]) else result

    return handler


async def _called_within(context: Context, f: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> Any:
    token = attach(context)
    try:
        return await f(*args)
    finally:
        detach(token)


async def _awaited_within(context: Context, work: Awaitable[Any]) -> Any:
    token = attach(context)
    try:
        return await work
    finally:
        detach(token)


def _will_be_awaited(result: object, state: object) -> bool:
    """Tells whether the cell will await the result, by the cell's own rule: a state may be awaitable, too."""
    return type(result) is CoroutineType or (type(result) is not type(state) and hasattr(result, "__await__"))
