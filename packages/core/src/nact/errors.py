"""The errors of nact, one class for each decision that a caller can take.

All of them derive from `NactError`, and can be pickled and copied. Those that an engine raises have the driver's own
error as `__cause__`.
"""

from __future__ import annotations


class NactError(Exception):
    """The base of every error that nact raises on purpose."""


# --- what an engine raises ---------------------------------------------------------------------------------------


class InvalidEventError(NactError, ValueError):
    """The event, snapshot or key can't be stored exactly, so nothing was stored. Correct the data."""


class SequenceConflictError(NactError):
    """Another writer uses this key: the sequence number isn't the next one. Nothing was stored.

    Attributes:
        key: The persistence key.
        attempted: The sequence number that was refused.
        highest: The highest sequence number in the journal, or `None` if the engine doesn't know.
    """

    def __init__(self, key: str, attempted: int, highest: int | None = None) -> None:
        super().__init__(key, attempted, highest)
        self.key = key
        self.attempted = attempted
        self.highest = highest

    def __str__(self) -> str:
        known = "" if self.highest is None else f": the journal's highest is {self.highest}"
        return f"event {self.attempted} of key {self.key!r} was refused{known}; another writer uses this key"


class EngineUnavailableError(NactError):
    """The engine can't reach its storage now. Try again later.

    Nothing was stored, unless the error is an `OutcomeUnknownError`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} (nothing was stored)"


class OutcomeUnknownError(EngineUnavailableError):
    """The storage may or may not have stored the write.

    To find out, persist the same event (with the same `event_id`) again, or read the journal.
    """

    def __str__(self) -> str:
        return f"{self.message} (whether it was stored is not known)"


class CorruptJournalError(NactError):
    """The storage doesn't hold a readable journal. Retrying doesn't help: an operator has to look at it.

    Attributes:
        key: The persistence key, or `None` if the whole storage is concerned.
        sequence_number: The number of the event or snapshot, or `None` if the key as a whole is concerned.
        reason: A description of the fault.
    """

    def __init__(self, reason: str, key: str | None = None, sequence_number: int | None = None) -> None:
        super().__init__(reason, key, sequence_number)
        self.reason = reason
        self.key = key
        self.sequence_number = sequence_number

    def __str__(self) -> str:
        where = "" if self.key is None else f" of key {self.key!r}"
        if self.sequence_number is not None:
            where += f" at sequence number {self.sequence_number}"
        return f"the journal{where} can't be read: {self.reason}"


class EngineClosedError(NactError):
    """The engine was used after `aclose()`. Make a new one."""


class UnknownEngineError(NactError, ValueError):
    """No installed package provides an engine for this URL. The message names the package to install."""


class IncompatibleEngineError(NactError):
    """This nact is too old or too new for the engine. The message says which package to upgrade."""


# --- what actors raise -------------------------------------------------------------------------------------------


class ActorStoppedError(NactError):
    """The actor has stopped, or never existed: it can't answer, and can't have children.

    If a failure stopped the actor, `__cause__` is that failure; for callers that come later, a copy of it without a
    traceback. A message that waited for an answer may or may not have been handled.
    """


class HandlerCancelledError(NactError):
    """A handler awaited something that was cancelled. In a task that would end the task; in an actor it is a fault."""


class HandlerFailedError(NactError):
    """The handler of the question raised, and its actor goes on. `__cause__` is the error that it raised."""


class MailboxFullError(NactError):
    """The actor's mailbox is full, and the message was refused. Ask again later.

    Attributes:
        path: The actor's path.
        limit: The actor's `mailbox_limit`.
    """

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(path, limit)
        self.path = path
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"the mailbox of {self.path} is full: mailbox_limit={self.limit}. Ask less at a time, or later; "
            "spread the work over several actors; or spawn it with a higher limit"
        )


class QueryTimeoutError(NactError, TimeoutError):
    """No answer arrived within the query's timeout. The message may or may not have been handled."""


class NameInUseError(NactError, ValueError):
    """A living sibling already has this name."""


class KeyInUseError(NactError, ValueError):
    """A living persistent actor of this system already writes to this persistence key."""


class PersistUsageError(NactError, RuntimeError):
    """`ctx.persist` or the like was called while recovering or after the message was done, or wasn't awaited."""


class SystemFailedError(NactError):
    """A failure in the actor system that no policy handled. The message names the actors and their errors.

    Attributes:
        system: The name of the system.
        failures: A pair (path of the actor, its error) for each failure, oldest first.
    """

    def __init__(self, system: str, failures: tuple[tuple[str, BaseException], ...]) -> None:
        super().__init__(system, failures)
        self.system = system
        self.failures = failures

    def __str__(self) -> str:
        told = "; ".join(f"{path}: {type(error).__name__}: {error}" for path, error in self.failures)
        return f"actor system {self.system!r} failed: {told}"
