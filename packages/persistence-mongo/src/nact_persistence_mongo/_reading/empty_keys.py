"""Finds out which keys have nothing stored, for many at once: a thousand new actors start in a few round trips."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from nact.errors import NactError
from nact_persistence_mongo._connections.errors import for_one
from nact_persistence_mongo._connections.retry import look_at

_AT_ONCE = 100
_LONG = 4000  # characters of a key: a hundred such fit into one command


class Newcomers:
    """Gathers questions that come in the same pass of the event loop.

    Args:
        find: Tells which of some keys have something stored.
    """

    def __init__(self, find: Callable[[list[str]], Awaitable[Collection[str]]]) -> None:
        self._find = find
        self._keys: list[str] = []
        self._answer: asyncio.Task[Collection[str]] | None = None

    async def has_nothing(self, key: str) -> bool:
        """Whether nothing is stored for the key. It costs a round trip that several share.

        A lone question isn't answered, nor one for a long key: False.

        Raises:
            NactError: The server can't be reached.
        """
        if len(key) > _LONG:
            return False
        if self._answer is None:
            self._keys = []
            self._answer = asyncio.create_task(self._ask(self._keys), name="nact mongo newcomers")
            self._answer.add_done_callback(look_at)
        answer = self._answer
        self._keys.append(key)
        if len(self._keys) == _AT_ONCE:
            self._answer = None
        try:
            return key not in await asyncio.shield(answer)
        except NactError as error:
            raise for_one(error) from error.__cause__

    async def _ask(self, keys: list[str]) -> Collection[str]:
        if self._keys is keys:
            self._answer = None  # whoever comes from now on asks anew
        return keys if len(keys) == 1 else await self._find(keys)
