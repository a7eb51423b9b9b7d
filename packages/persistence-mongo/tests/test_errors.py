"""The server's errors after which another attempt may succeed."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from nact_persistence_mongo._connections.errors import is_passing

RETRYABLE = (6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436)
"""The codes of the specification of retryable reads, which all drivers follow."""


@pytest.mark.parametrize("code", RETRYABLE)
def test_what_the_specification_calls_retryable_is_tried_again(code: int) -> None:
    assert is_passing(OperationFailure("the server says so", code))


@pytest.mark.parametrize("code", [11000, 13, 8000, 2])
def test_what_would_fail_again_is_not_tried_again(code: int) -> None:
    assert not is_passing(OperationFailure("the server says so", code))
