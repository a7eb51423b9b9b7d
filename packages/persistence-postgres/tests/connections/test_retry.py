"""The attempts at one piece of work: when they end, and what is known then."""

from __future__ import annotations

import pytest

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence.building.errors import engine_unavailable
from nact_persistence_postgres._connections.retry import Attempts

pytestmark = pytest.mark.anyio


def failure(cause: BaseException, *, outcome_known: bool = True) -> EngineUnavailableError:
    error = engine_unavailable("no answer", outcome_known=outcome_known)
    error.__cause__ = cause
    return error


async def test_an_error_that_will_not_pass_is_raised_at_once() -> None:
    cause = ValueError("as before")
    with pytest.raises(EngineUnavailableError) as caught:
        await Attempts(60).again(failure(cause))
    assert caught.value.__cause__ is cause
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_the_error_of_the_last_attempt_has_its_cause() -> None:
    attempts, cause = Attempts(0), ConnectionResetError()
    with pytest.raises(EngineUnavailableError) as caught:
        await attempts.again(failure(cause))
    assert caught.value.__cause__ is cause


async def test_an_outcome_that_was_unknown_once_stays_unknown() -> None:
    attempts = Attempts(60)
    await attempts.again(failure(ConnectionResetError(), outcome_known=False))
    with pytest.raises(OutcomeUnknownError):
        await attempts.again(failure(ValueError()))


async def test_only_a_repeated_attempt_has_less_time() -> None:
    attempts = Attempts(20)
    assert attempts.time_for_one(15) == 15
    await attempts.again(failure(TimeoutError()))
    assert attempts.was_silent
    assert 9 < attempts.time_for_one(15) < 10
    assert attempts.time_for_one(2) == 2


async def test_work_that_is_in_doubt_has_been_tried() -> None:
    attempts = Attempts(20, in_doubt=True)
    assert attempts.time_for_one(15) <= 10
    with pytest.raises(OutcomeUnknownError):
        await attempts.again(failure(ValueError()))
