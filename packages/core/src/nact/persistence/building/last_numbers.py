"""Caches the last sequence numbers of recently used keys, to save the engine a query to its storage."""

from __future__ import annotations


class LastNumbers:
    """A cache of the last sequence number that was seen for each of the keys used last.

    It is a hint: another process may have written since. The storage's own unique key decides.

    `get` and `put` take constant time. Keys are forgotten by generations: when there are `size` keys in the young
    generation, it becomes the old one, and the previous old one is dropped.

    Args:
        size: The lowest number of keys that are remembered; the highest is twice that.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def get(self, key: str) -> int | None:
        """The number that was put last, or `None` if the key isn't in the cache."""
        number = self._young.get(key)
        return self._old.get(key) if number is None else number

    def put(self, key: str, number: int) -> None:
        """Sets the key's number."""
        self._young[key] = number
        if len(self._young) > self._size:
            self._old, self._young = self._young, {}

    def raise_to(self, key: str, number: int) -> None:
        """Sets the key's number unless it is higher already: a read may return an older number than a later write."""
        known = self.get(key)
        self.put(key, number if known is None or known < number else known)

    def forget(self, key: str) -> None:
        """Forgets the key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forgets all keys."""
        self._young, self._old = {}, {}
