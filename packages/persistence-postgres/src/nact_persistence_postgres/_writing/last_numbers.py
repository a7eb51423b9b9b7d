"""What the engine itself has seen stored, so that the database needn't be asked again."""

from __future__ import annotations


class Seen:
    """The last sequence number of a key that was seen in the journal, for the keys used last.

    A hint, never the truth: the number after it may be taken by now, which the unique key tells, or all of it may be
    deleted, which the statement finds out by `last_deletion` (see `Statements.append`).

    Args:
        size: How many keys are remembered, at least; at most twice as many.

    Attributes:
        last_deletion: What `Statements.last_deletion` told before anything of this was seen.
    """

    def __init__(self, last_deletion: int, size: int = 50_000) -> None:
        self.last_deletion = last_deletion
        self._size = size
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def get(self, key: str) -> int | None:
        number = self._young.get(key)
        return self._old.get(key) if number is None else number

    def put(self, key: str, number: int, last_deletion: int) -> None:
        """Remembers what was seen after `last_deletion` was asked for; nothing, if there was another one since."""
        if last_deletion != self.last_deletion:
            return
        self._young[key] = number
        if len(self._young) > self._size:
            self._old, self._young = self._young, {}

    def forget(self, key: str) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def begin_again(self, last_deletion: int) -> None:
        """Forgets everything: there was another deletion."""
        self.last_deletion = last_deletion
        self._young.clear()
        self._old.clear()
