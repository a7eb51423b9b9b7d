"""Finding keys for which nothing is stored. These tests need no server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import pytest

from nact.errors import EngineUnavailableError
from nact_persistence_mongo._reading.empty_keys import EmptyKeys

pytestmark = pytest.mark.anyio


class Stored:
    """Records the questions that reach the server."""

    def __init__(self, *keys: str) -> None:
        self.questions: list[Sequence[str]] = []
        self._keys = keys

    async def find(self, keys: Sequence[str]) -> Collection[str]:
        self.questions.append(keys)
        if "failing" in keys:
            raise EngineUnavailableError("no primary server can be reached")
        return {*self._keys} & {*keys}


async def test_questions_of_one_pass_share_a_query() -> None:
    stored = Stored("b")
    empty = EmptyKeys(stored.find)
    assert await asyncio.gather(*(empty.is_known_empty(key) for key in "abca")) == [True, False, True, True]
    assert len(stored.questions) == 1


async def test_a_hundred_questions_fill_a_query() -> None:
    stored = Stored()
    empty = EmptyKeys(stored.find)
    assert all(await asyncio.gather(*(empty.is_known_empty(str(n)) for n in range(250))))
    assert [len(keys) for keys in stored.questions] == [100, 100, 50]


async def test_a_lone_question_and_a_long_key_cost_no_query() -> None:
    stored = Stored()
    empty = EmptyKeys(stored.find)
    for keys in (["a"], ["a", "x" * 5000], ["x" * 5000] * 3):
        assert not any(await asyncio.gather(*(empty.is_known_empty(key) for key in keys)))
    assert stored.questions == []


async def test_each_question_gets_an_error_of_its_own() -> None:
    empty = EmptyKeys(Stored().find)
    questions = [empty.is_known_empty(key) for key in ("a", "failing")]
    one, other = await asyncio.gather(*questions, return_exceptions=True)
    assert type(one) is type(other) is EngineUnavailableError
    assert one is not other
