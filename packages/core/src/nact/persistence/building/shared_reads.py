"""Lets small reads share a round trip: a thousand actors that start at once need only a few."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from typing import Any, Generic, TypeVar

from nact.persistence.building.errors import copy_for_caller, mark_retrieved

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class SharedReads(Generic[Question, Answer]):
    """Answers the questions that are asked in the same pass of the event loop with one fetch.

    **Cancellation.** Cancelling one caller doesn't affect the others. The fetch is cancelled when all its callers are.

    Args:
        fetch: Answers several questions. It returns an answer for each, in order. An answer that is an exception is
            raised to the caller that asked; an exception that `fetch` raises, to all callers, as a copy for each.
        max_questions: The highest number of questions in one fetch.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[Question]], Coroutine[Any, Any, Sequence[Answer | Exception]]],
        *,
        max_questions: int = 64,
    ) -> None:
        self._fetch = fetch
        self._max_questions = max_questions
        self._open: dict[Hashable, _Fetch[Question, Answer]] = {}

    async def ask(self, question: Question, *, group: Hashable = None) -> Answer:
        """The answer to the question.

        Args:
            question: The question for `fetch`.
            group: Only questions of the same group share a fetch: those for the same server, say.

        Raises:
            Exception: `fetch` raised it, or returned it as the answer to this question.
        """
        fetch = self._open.get(group)
        loop = asyncio.get_running_loop()
        if fetch is None:
            fetch = self._open[group] = _Fetch()
            loop.call_soon(self._begin, group, fetch)
        answer: asyncio.Future[Answer] = loop.create_future()
        fetch.callers.append((question, answer))
        if len(fetch.callers) >= self._max_questions:
            del self._open[group]
        try:
            return await answer
        except asyncio.CancelledError:
            mark_retrieved(answer)
            fetch.cancel_if_unawaited()
            raise

    def _begin(self, group: Hashable, fetch: _Fetch[Question, Answer]) -> None:
        if self._open.get(group) is fetch:
            del self._open[group]
        fetch.begin(self._fetch)


class _Fetch(Generic[Question, Answer]):
    def __init__(self) -> None:
        self.callers: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[Sequence[Answer | Exception]] | None = None

    def begin(self, fetch: Callable[[Sequence[Question]], Coroutine[Any, Any, Sequence[Answer | Exception]]]) -> None:
        self.callers = [caller for caller in self.callers if not caller[1].done()]
        if self.callers:
            self._task = task = asyncio.create_task(fetch([question for question, _ in self.callers]))
            task.add_done_callback(self._settle)

    def cancel_if_unawaited(self) -> None:
        if self._task is not None and all(answer.done() for _, answer in self.callers):
            self._task.cancel()

    def _settle(self, task: asyncio.Task[Sequence[Answer | Exception]]) -> None:
        if task.cancelled():
            for _, waiting in self.callers:
                waiting.cancel()
            return
        answers: Sequence[Answer | BaseException]
        if (error := task.exception()) is not None:
            answers = [error] * len(self.callers)
        elif len(answers := task.result()) != len(self.callers):
            wrong = RuntimeError(f"the fetch returned {len(answers)} answers to {len(self.callers)} questions")
            answers = [wrong] * len(self.callers)
        for (_, waiting), answer in zip(self.callers, answers, strict=True):
            if waiting.done():
                continue
            if isinstance(answer, BaseException):
                waiting.set_exception(copy_for_caller(answer))
            else:
                waiting.set_result(answer)
