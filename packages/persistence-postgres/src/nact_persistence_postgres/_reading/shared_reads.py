"""Reads many keys in one round trip, so that a thousand actors that recover at once need a few."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nact.errors import CorruptJournalError, EngineUnavailableError, InvalidEventError
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact_persistence_postgres._connections.errors import may_pass
from nact_persistence_postgres._statements.rows import Row, Rows

_AT_ONCE = 64
"""Keys in one round trip at most. An actor system recovers as many actors at once unless it is told otherwise."""


@dataclass(slots=True)
class _Question:
    values: tuple[object, ...]
    rows: Rows | None = None


class SharedQuery:
    """Gathers questions about one key each and asks them in one statement, as a `GroupCommit` does with writes.

    A caller that is the only one asks alone, and at once. Right after a shared round trip, more questions of the same
    kind are likely to come, so the next one waits for the end of the event loop's pass.

    `nact.persistence.building.shared_reads` isn't used here: its lone reader waits for a pass of the event loop, and it
    has no limit to the statements that are under way.

    Args:
        fetch: Fetches the answers to several questions, given a list for each of their values. The last column of a
            row is the place of its question, counted from 1.
    """

    def __init__(self, fetch: Callable[..., Awaitable[Rows]]) -> None:
        self._fetch = fetch
        self._group: GroupCommit[_Question] = GroupCommit(self._answer, max_items=_AT_ONCE)
        self._asking = 0
        self._was_shared = False

    async def rows(self, values: tuple[object, ...], alone: Callable[[], Awaitable[Rows]]) -> Rows:
        """The rows that answer the question.

        They are those of `alone` if it is the only question, or if another question may have spoilt the statement.

        Raises:
            EngineUnavailableError: The server can't be reached.
        """
        self._asking += 1
        try:
            if self._asking > 1 or self._was_shared:
                question = _Question(values)
                try:
                    await self._group.submit(question)
                except (EngineUnavailableError, InvalidEventError, CorruptJournalError) as error:
                    if may_pass(error.__cause__):
                        raise
                if question.rows is not None:
                    return question.rows
            return await alone()
        finally:
            self._asking -= 1

    async def aclose(self) -> None:
        """Returns when all questions have their answers."""
        await self._group.aclose()

    async def _answer(self, questions: Sequence[_Question]) -> Sequence[Outcome]:
        self._was_shared = len(questions) > 1
        if self._was_shared:
            found = await self._fetch(*map(list, zip(*[question.values for question in questions], strict=True)))
            answers: list[list[Row]] = [[] for _ in questions]
            for row in found:
                answers[row[-1] - 1].append(row[:-1])
            for question, rows in zip(questions, answers, strict=True):
                question.rows = rows
        return [None] * len(questions)
