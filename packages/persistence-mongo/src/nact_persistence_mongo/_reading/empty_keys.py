"""Finds the keys for which nothing is stored, many in one round trip: a thousand new actors need about ten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from nact.persistence.building.shared_reads import SharedReads

_AT_ONCE = 100
_LONGEST_KEY = 4000  # characters: a hundred keys of this length fit into one command


class EmptyKeys:
    """Answers the questions of one pass of the event loop with one query.

    Args:
        find_stored: Returns those of some keys for which something is stored.
    """

    def __init__(self, find_stored: Callable[[Sequence[str]], Awaitable[Collection[str]]]) -> None:
        self._find_stored = find_stored
        self._reads = SharedReads(self._are_empty, max_questions=_AT_ONCE)

    async def is_known_empty(self, key: str) -> bool:
        """True if nothing is stored for the key.

        False doesn't mean that something is stored: a question that is asked alone costs no query, nor does one for a
        very long key.

        Raises:
            NactError: The server can't be reached.
        """
        return len(key) <= _LONGEST_KEY and await self._reads.ask(key)

    async def _are_empty(self, keys: Sequence[str]) -> Sequence[bool]:
        if len(keys) == 1:
            return [False]
        stored = await self._find_stored(keys)
        return [key not in stored for key in keys]
