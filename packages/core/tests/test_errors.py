"""Errors say what happened, and survive being sent to another process."""

import copy
import pickle

import pytest

import nact
from nact import (
    ActorStoppedError,
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    HandlerCancelledError,
    HandlerFailedError,
    IncompatibleEngineError,
    InvalidEventError,
    KeyInUseError,
    MailboxFullError,
    NactError,
    NameInUseError,
    OutcomeUnknownError,
    PersistUsageError,
    QueryTimeoutError,
    SequenceConflictError,
    SystemFailedError,
    UnknownEngineError,
)

EXAMPLES = [
    (ActorStoppedError("gone"), "gone"),
    (EngineClosedError("closed"), "closed"),
    (HandlerCancelledError("cancelled"), "cancelled"),
    (HandlerFailedError("failed"), "failed"),
    (IncompatibleEngineError("too old"), "too old"),
    (InvalidEventError("no JSON"), "no JSON"),
    (KeyInUseError("taken"), "taken"),
    (NameInUseError("taken"), "taken"),
    (PersistUsageError("not awaited"), "not awaited"),
    (QueryTimeoutError("late"), "late"),
    (UnknownEngineError("no such engine"), "no such engine"),
    (MailboxFullError("shop://till", 7), "the mailbox of shop://till is full: mailbox_limit=7. Ask less"),
    (SequenceConflictError("k", 5, 7), "event 5 of key 'k' was refused: the journal's highest is 7; another writer"),
    (SequenceConflictError("k", 5), "event 5 of key 'k' was refused; another writer uses this key"),
    (EngineUnavailableError("no network"), "no network (nothing was stored)"),
    (OutcomeUnknownError("cut off"), "cut off (whether it was stored is not known)"),
    (CorruptJournalError("not JSON", "k", 3), "the journal of key 'k' at sequence number 3 can't be read: not JSON"),
    (CorruptJournalError("a gap", "k"), "the journal of key 'k' can't be read: a gap"),
    (CorruptJournalError("no table"), "the journal can't be read: no table"),
    (
        SystemFailedError("shop", (("shop://till", ValueError("no change")), ("shop://door", KeyError("key")))),
        "actor system 'shop' failed: shop://till: ValueError: no change; shop://door: KeyError: 'key'",
    ),
]


@pytest.mark.parametrize(("error", "text"), EXAMPLES)
def test_an_error_says_what_happened(error: NactError, text: str) -> None:
    assert text in str(error)


@pytest.mark.parametrize(("error", "text"), EXAMPLES)
def test_an_error_can_be_pickled_and_copied(error: NactError, text: str) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin).keys() == vars(error).keys()


def test_every_error_is_a_nact_error_that_can_be_imported_from_the_top() -> None:
    public = {value for value in vars(nact).values() if isinstance(value, type) and issubclass(value, BaseException)}
    assert public == {type(error) for error, _ in EXAMPLES} | {NactError}
    assert all(issubclass(error, NactError) for error in public)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InvalidEventError, ValueError),
        (UnknownEngineError, ValueError),
        (NameInUseError, ValueError),
        (KeyInUseError, ValueError),
        (QueryTimeoutError, TimeoutError),
        (PersistUsageError, RuntimeError),
    ],
)
def test_where_python_has_a_word_for_it_the_error_is_that_too(error: type, builtin: type) -> None:
    assert issubclass(error, builtin)


def test_errors_carry_what_a_caller_decides_by() -> None:
    conflict = SequenceConflictError("k", 5, 7)
    assert (conflict.key, conflict.attempted, conflict.highest) == ("k", 5, 7)
    corrupt = CorruptJournalError("a gap", "k", 3)
    assert (corrupt.reason, corrupt.key, corrupt.sequence_number) == ("a gap", "k", 3)
    assert isinstance(OutcomeUnknownError("cut off"), EngineUnavailableError)
