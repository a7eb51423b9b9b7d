"""What a law is, and the guarantees that laws make concrete."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nact_conformance.needs import Need

if TYPE_CHECKING:
    import pytest

    from nact_conformance.trial import Trial

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
"""What the laws make concrete. The first twelve are nact's; the last is what any asyncio library owes its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One law: a sentence that holds for an engine or doesn't.

    Attributes:
        id: Never changes, never means anything else, as in `J-07`.
        name: The test's name.
        guarantee: The number of the guarantee that it belongs to, a key of `GUARANTEES`.
        needs: What there has to be for it to be tried.
        why: The law in full, and why it matters.
        body: Tries it.
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


class LawTest(Protocol):
    """A law as pytest sees it: a plain function that needs no event loop and no other plugin."""

    law: Law

    def __call__(self, suite: Any, request: pytest.FixtureRequest) -> None: ...


def law(law_id: str, *needs: Need, guarantee: int) -> Callable[[Callable[[Any, Trial], Awaitable[None]]], LawTest]:
    """Makes a law of a coroutine function `(self, trial)`.

    What pytest gets is a plain function: it runs the coroutine in an event loop of its own, so pytest-asyncio, anyio's
    plugin, their modes and the scopes of their loops make no difference.
    """

    def decorate(body: Callable[[Any, Trial], Awaitable[None]]) -> LawTest:
        name = getattr(body, "__name__", law_id)
        why = " ".join((body.__doc__ or "").split())
        made = Law(id=law_id, name=name, guarantee=guarantee, needs=needs, why=why, body=body)

        def test(suite: Any, request: pytest.FixtureRequest) -> None:
            from nact_conformance.running import run_as_test  # noqa: PLC0415 (it imports the suite)

            run_as_test(suite, made, request)

        functools.update_wrapper(test, body)
        del test.__wrapped__  # type: ignore[attr-defined]  # else pytest would see the coroutine function's arguments
        test.law = made  # type: ignore[attr-defined]
        return test  # type: ignore[return-value]

    return decorate


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
