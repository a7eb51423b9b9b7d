"""The decorator that makes a law of a coroutine function. Authors may add laws of their own with it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from nact_conformance._trying.law import GUARANTEES, Law, laws_of
from nact_conformance._trying.needs import Need
from nact_conformance._trying.running import run_as_test
from nact_conformance._trying.trial import Trial

if TYPE_CHECKING:
    import pytest

__all__ = ["GUARANTEES", "Law", "LawTest", "Need", "Trial", "law", "laws_of"]


class LawTest(Protocol):
    """A law as pytest sees it: a plain function that needs no event loop and no other plugin."""

    law: Law

    def __call__(self, suite: Any, request: pytest.FixtureRequest) -> None: ...


def law(law_id: str, *needs: Need, guarantee: int) -> Callable[[Callable[[Any, Trial], Awaitable[None]]], LawTest]:
    """Makes a law of a coroutine function `(self, trial)`.

    pytest gets a plain function, which runs the coroutine in an event loop of its own: pytest-asyncio, anyio's plugin,
    their modes and the scopes of their loops make no difference.

    Args:
        law_id: The id, as in `J-07`.
        needs: What the law needs to be tried.
        guarantee: The number of the guarantee that it belongs to, a key of `GUARANTEES`.
    """

    def decorate(body: Callable[[Any, Trial], Awaitable[None]]) -> LawTest:
        name = getattr(body, "__name__", law_id)
        why = " ".join((body.__doc__ or "").split())
        made = Law(id=law_id, name=name, guarantee=guarantee, needs=needs, why=why, body=body)

        def test(suite: Any, request: pytest.FixtureRequest) -> None:
            run_as_test(suite, made, request)

        functools.update_wrapper(test, body)
        del test.__wrapped__  # type: ignore[attr-defined]  # else pytest would see the coroutine function's arguments
        test.law = made  # type: ignore[attr-defined]
        return test  # type: ignore[return-value]

    return decorate
