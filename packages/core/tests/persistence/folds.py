"""Folds for tests of `persistent_query`."""

from typing import Any


def append(state: list[Any], event: Any) -> list[Any]:
    return [*state, event]


class Counting:
    """A fold that counts the events that it was given."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, state: list[Any], event: Any) -> list[Any]:
        self.events.append(event)
        return [*state, event]
