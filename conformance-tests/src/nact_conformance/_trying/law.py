"""A law, and the guarantees that laws make concrete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial

GUARANTEES = {
    1: "Durable on return",
    2: "Dense and ordered",
    3: "One winner",
    4: "Idempotent retry",
    5: "Batches are all or nothing",
    6: "Keys are isolated",
    7: "Cancellation is clean",
    8: "Replay is honest",
    9: "Exact or refused",
    10: "The highest sequence number survives deletion",
    11: "Snapshots are an optimisation",
    12: "Upgrades are safe",
    13: "A well-behaved library",
}
"""The guarantees that laws make concrete. The first twelve are nact's; the last concerns any asyncio library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One law: a sentence that holds for an engine or doesn't.

    Attributes:
        id: As in `J-07`. It never changes, and never means anything else.
        name: The test's name.
        guarantee: The number of the guarantee that it belongs to, a key of `GUARANTEES`.
        needs: The conditions for it to be tried.
        why: The law in full, and why it matters.
        body: The coroutine function that tries it.
    """

    id: str
    name: str
    guarantee: int
    needs: tuple[Need, ...]
    why: str
    body: Callable[[Any, Trial], Awaitable[None]] = field(repr=False, compare=False)

    @property
    def sentence(self) -> str:
        """The law in a line."""
        return self.name.removeprefix("test_").replace("_", " ")


def laws_of(suite: type) -> dict[str, Law]:
    """All laws of a class of laws, by id, in the order in which they are written."""
    found: dict[str, Law] = {}
    for base in reversed(suite.__mro__):
        for member in vars(base).values():
            made = getattr(member, "law", None)
            if isinstance(made, Law):
                if made.id in found and found[made.id] is not made:
                    raise ValueError(f"two laws have the id {made.id}")
                found[made.id] = made
    return found
