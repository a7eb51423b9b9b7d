"""`spawn_persistent`: actors whose state survives any crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar, cast, overload

from nact._actor.options import check_callable, checked_options
from nact.durations import Duration
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.journal import Journal
from nact.persistence._actor.options import Codec, JournalOptions, Retention, checked_journal_options
from nact.persistence._actor.outages import wait_out_outages
from nact.persistence.building.checks import check_key
from nact.persistence.context import PersistentContext
from nact.references import ActorRef
from nact.spawning import living_family, spawn_cell
from nact.supervision import SupervisionPolicy

State = TypeVar("State")
Msg = TypeVar("Msg")


class PersistentHandler(Protocol[State, Msg]):
    """A persistent actor's handler. It is async, for it awaits `ctx.persist`."""

    def __call__(self, state: State, msg: Msg, ctx: PersistentContext[Msg], /) -> Awaitable[State]: ...


@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: PersistentHandler[State, Msg],
    *,
    key: str,
    name: str | None = None,
    initial_state: State,
    snapshot_every: int | None = None,
    retention: Retention | None = None,
    encoder: Codec | None = None,
    decoder: Codec | None = None,
    snapshot_encoder: Codec | None = None,
    snapshot_decoder: Codec | None = None,
    skip_deleted: bool = False,
    shutdown_after: Duration | None = None,
    mailbox_limit: int | None = None,
    on_crash: SupervisionPolicy | None = None,
    after_stop: Callable[[State, PersistentContext[Msg]], object] | None = None,
) -> ActorRef[Msg]: ...
@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: PersistentHandler[State, Msg],
    *,
    key: str,
    name: str | None = None,
    initial_state_func: Callable[[PersistentContext[Msg]], Awaitable[State] | State],
    snapshot_every: int | None = None,
    retention: Retention | None = None,
    encoder: Codec | None = None,
    decoder: Codec | None = None,
    snapshot_encoder: Codec | None = None,
    snapshot_decoder: Codec | None = None,
    skip_deleted: bool = False,
    shutdown_after: Duration | None = None,
    mailbox_limit: int | None = None,
    on_crash: SupervisionPolicy | None = None,
    after_stop: Callable[[State, PersistentContext[Msg]], object] | None = None,
) -> ActorRef[Msg]: ...
@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: Callable[[None, Msg, PersistentContext[Msg]], Any],
    *,
    key: str,
    name: str | None = None,
    snapshot_every: int | None = None,
    retention: Retention | None = None,
    encoder: Codec | None = None,
    decoder: Codec | None = None,
    snapshot_encoder: Codec | None = None,
    snapshot_decoder: Codec | None = None,
    skip_deleted: bool = False,
    shutdown_after: Duration | None = None,
    mailbox_limit: int | None = None,
    on_crash: SupervisionPolicy | None = None,
    after_stop: Callable[[Any, PersistentContext[Msg]], object] | None = None,
) -> ActorRef[Msg]: ...
def spawn_persistent(
    parent: ActorRef[Any],
    f: Callable[..., Any],
    *,
    key: str,
    name: str | None = None,
    initial_state: Any = None,
    initial_state_func: Callable[..., Any] | None = None,
    snapshot_every: int | None = None,
    retention: Retention | None = None,
    encoder: Codec | None = None,
    decoder: Codec | None = None,
    snapshot_encoder: Codec | None = None,
    snapshot_decoder: Codec | None = None,
    skip_deleted: bool = False,
    shutdown_after: Duration | None = None,
    mailbox_limit: int | None = None,
    on_crash: SupervisionPolicy | None = None,
    after_stop: Callable[..., object] | None = None,
) -> ActorRef[Any]:
    """A new actor that keeps what it `ctx.persist`s in the journal of `key`, and recovers from there when it starts.

    It first receives everything that was persisted under `key`, in order, with `ctx.recovering` true and nobody as
    sender (or begins with the latest snapshot, and receives what came after it); then new messages, which wait so long.
    `f` should change the state in the same way for both, and act on the world only when `ctx.recovering` is false.

    Args:
        parent: The system, or the actor above. The system needs `configure_persistence`.
        f: The handler `f(state, msg, ctx)`; see `spawn`.
        key: The persistence key: any non-empty text. In a system, one living actor at a time writes to a key; another
            process that does makes this actor stop with a `SequenceConflictError`.
        name: See `spawn`.
        initial_state: See `spawn`. The state before the first event.
        initial_state_func: See `spawn`.
        snapshot_every: Take a snapshot of the state after so many events.
        retention: How many snapshots are kept, and whether events that they cover are. By default everything is.
        encoder: Makes a JSON value of a message that is persisted.
        decoder: Makes the message of it again. See `TypedCodec` for both.
        snapshot_encoder: Makes a JSON value of the state.
        snapshot_decoder: Makes the state of it again.
        skip_deleted: Begin anew after events that were deleted and that no snapshot covers: they are left out of the
            state. By default the actor doesn't start then (`CorruptJournalError`), since its state would be wrong.
        shutdown_after: See `spawn`.
        mailbox_limit: See `spawn`. Messages that wait for the end of the recovery count.
        on_crash: See `spawn`. By default an outage of the storage (`EngineUnavailableError`) is waited out: the actor
            recovers after a delay, again and again, while its messages wait; each attempt is logged as a warning. Any
            other fault stops it. A journal that can't be read is a fault, too. Whatever is decided, an actor whose
            memory may disagree with its journal doesn't just resume: it reads its journal again, or stops.
        after_stop: See `spawn`.

    Raises:
        KeyInUseError: A living actor of this system writes to `key`.
        ActorStoppedError, NameInUseError: See `spawn`.
        TypeError, ValueError: Another argument can't be, or the system has no persistence engine.
    """
    check_callable("f", f)
    check_key(key)
    options = checked_options(
        initial_state=initial_state,
        initial_state_func=initial_state_func,
        on_crash=on_crash,
        after_stop=after_stop,
        shutdown_after=shutdown_after,
        mailbox_limit=mailbox_limit,
        default_policy=wait_out_outages,
    )
    persistence = persistence_of(parent)
    persistence.check_free(key)
    journal_options = checked_journal_options(
        persistence.engine,
        JournalOptions(snapshot_every, retention, encoder, decoder, snapshot_encoder, snapshot_decoder, skip_deleted),
    )
    return spawn_cell(parent, f, name, options, Journal(key, persistence, journal_options))


def persistence_of(parent: ActorRef[Any]) -> Persistence:
    """The persistence of the system that `parent` belongs to."""
    runtime = living_family(parent).runtime
    if runtime.persistence is None:
        raise ValueError(
            f"the actor system {runtime.ref.name!r} has no persistence engine: start(configure_persistence(engine))"
        )
    return cast("Persistence", runtime.persistence)
