"""Where journals end, as far as this engine has seen, so that the server needn't be asked again."""

from __future__ import annotations


class Seen:
    """For the keys used last, a sequence number with which a stored document ends.

    It stays true for ever, since documents stay and keep their numbers, also when their data is deleted. That the
    number behind it is still free is for the unique index to tell.

    Args:
        size: How many keys are remembered, at least; at most twice as many.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def ends_at(self, key: str, number: int) -> bool:
        """Whether a document of the key is known to end with this number. Every journal begins behind 0."""
        return number == 0 or self._young.get(key, -1) == number or self._old.get(key, -1) == number

    def put(self, key: str, number: int) -> None:
        """Remembers it, unless a higher number is known: what was read may be older than what was written."""
        self._young[key] = max(number, self._young.get(key, 0))
        if len(self._young) > self._size:
            self._old, self._young = self._young, {}

    def forget(self) -> None:
        """Forgets all of it: something that was there is gone."""
        self._young, self._old = {}, {}
