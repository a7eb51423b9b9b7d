"""Remembers the last sequence numbers that were seen stored, as long as nothing is deleted."""

from __future__ import annotations

from nact.persistence.building.last_numbers import LastNumbers


class KnownNumbers(LastNumbers):
    """The last number of each key used last, as seen since a deletion.

    The number after it may be taken by now, which the unique key tells, or all of it may be deleted, which the
    statement finds out by `last_deletion` (see `Statements.append`).

    Attributes:
        last_deletion: The answer of `Statements.last_deletion` before any of these numbers was seen.
    """

    __slots__ = ("last_deletion",)

    def __init__(self, last_deletion: int) -> None:
        super().__init__()
        self.last_deletion = last_deletion

    def put_since(self, key: str, number: int, last_deletion: int) -> None:
        """Remembers a number that was seen after `last_deletion` was asked for, unless there was another one since."""
        if last_deletion == self.last_deletion:
            self.put(key, number)

    def begin_again(self, last_deletion: int) -> None:
        """Forgets everything: there was another deletion."""
        self.last_deletion = last_deletion
        self.clear()
