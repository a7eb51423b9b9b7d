"""Remembers the last sequence number of the keys used last, to save the engine a question to its storage."""

from __future__ import annotations


class LastNumbers:
    """The last sequence number that was seen for a key, for the keys used last.

    A hint, never the truth: another process may have written since. The storage's own unique key decides.

    Looking up and remembering take constant time. Keys are forgotten by generations: when `size` keys are in the young
    one it becomes the old one, and the old one is dropped.

    Args:
        size: How many keys are remembered at least; at most twice as many are.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def get(self, key: str) -> int | None:
        """The number that was put last, or `None` if the key isn't remembered."""
        number = self._young.get(key)
        return self._old.get(key) if number is None else number

    def put(self, key: str, number: int) -> None:
        """Remembers the number in place of an earlier one."""
        self._young[key] = number
        if len(self._young) > self._size:
            self._old, self._young = self._young, {}

    def raise_to(self, key: str, number: int) -> None:
        """Remembers the number unless a higher one is known: what was read may be older than what was written."""
        known = self.get(key)
        self.put(key, number if known is None or known < number else known)

    def forget(self, key: str) -> None:
        """Forgets the key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forgets all keys."""
        self._young, self._old = {}, {}
