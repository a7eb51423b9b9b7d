"""Errors that say that nothing was stored, and those that can't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from pymongo.errors import (
    AutoReconnect,
    DocumentTooLarge,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from nact.errors import (
    EngineClosedError,
    EngineUnavailableError,
    InvalidEventError,
    NactError,
    OutcomeUnknownError,
    SequenceConflictError,
)
from nact_persistence_mongo._connections.retry import ServerRetry
from nact_persistence_mongo._writing.appends import Append
from nact_persistence_mongo._writing.commits import _decide

pytestmark = pytest.mark.anyio

CUT = AutoReconnect("connection closed")
REFUSED = OperationFailure("not authorized", 13)


def attempts(*errors: Exception) -> Callable[[], Awaitable[None]]:
    left = list(errors)

    async def attempt() -> None:
        raise left.pop(0) if len(left) > 1 else left[0]

    return attempt


async def failed(*errors: Exception, writes: bool = True) -> NactError:
    with pytest.raises(NactError) as caught:
        await ServerRetry(0.1, writes=writes).run(attempts(*errors))
    return caught.value


@pytest.mark.parametrize("error", [REFUSED, ServerSelectionTimeoutError("no primary"), OperationFailure("other", 361)])
async def test_what_a_server_refuses_at_once_is_not_stored(error: PyMongoError) -> None:
    outcome = await failed(error)
    assert isinstance(outcome, EngineUnavailableError)
    assert not isinstance(outcome, OutcomeUnknownError)


@pytest.mark.parametrize(
    "error",
    [CUT, OperationFailure("interrupted", 11601), OperationFailure("new", 99999), WriteConcernError("unknown", 79)],
    ids=["cut", "interrupted", "not known", "unconfirmed"],
)
async def test_what_may_have_begun_may_be_stored(error: PyMongoError) -> None:
    outcome = await failed(error)
    assert isinstance(outcome, EngineUnavailableError)
    assert isinstance(outcome, OutcomeUnknownError)


@pytest.mark.parametrize("error", [REFUSED, DocumentTooLarge("16 MB"), InvalidOperation("the client is closed")])
async def test_a_refusal_after_a_lost_answer_proves_nothing(error: Exception) -> None:
    outcome = await failed(CUT, error)
    assert isinstance(outcome, EngineUnavailableError)
    assert isinstance(outcome, OutcomeUnknownError)


async def test_a_refusal_without_an_attempt_before_keeps_its_class() -> None:
    assert isinstance(await failed(DocumentTooLarge("16 MB")), InvalidEventError)
    assert isinstance(await failed(InvalidOperation("the client is closed")), EngineClosedError)


async def test_a_question_stores_nothing() -> None:
    outcome = await failed(CUT, REFUSED, writes=False)
    assert isinstance(outcome, EngineUnavailableError)
    assert not isinstance(outcome, OutcomeUnknownError)


@pytest.mark.parametrize(
    ("in_doubt", "ids", "expected"),
    [
        (False, {2: "theirs"}, SequenceConflictError),
        (True, {2: "theirs"}, SequenceConflictError),
        (False, {}, SequenceConflictError),
        (True, {}, OutcomeUnknownError),
    ],
    ids=["taken", "taken since", "deleted", "deleted since"],
)
async def test_a_conflict_needs_another_event_in_the_place(in_doubt: bool, ids: dict[int, str], expected: type) -> None:
    item = Append("a", 2, 2, [b""], ["mine"], 1)
    assert _decide([item], 4, ids, in_doubt=in_doubt) == []
    assert type(item.outcome) is expected
