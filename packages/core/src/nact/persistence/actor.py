"""`spawn_persistent`: actors whose state survives any crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar, Unpack, cast, overload

from nact._actor.options import SpawnOptions, check_callable, check_names, checked_options
from nact.persistence._actor.configuration import Persistence
from nact.persistence._actor.journal import Journal
from nact.persistence._actor.options import PersistentOptions, journal_options
from nact.persistence._actor.outages import wait_out_outages
from nact.persistence.building.checks import check_key
from nact.persistence.context import PersistentContext
from nact.references import ActorRef
from nact.spawning import living_family, spawn_cell

State = TypeVar("State")
Msg = TypeVar("Msg")
Event = TypeVar("Event")

_NAMES: Final = PersistentOptions.__annotations__.keys()


class PersistentHandler(Protocol[State, Msg, Event]):
    """A persistent actor's handler. It is async, since it awaits `ctx.persist`."""

    def __call__(self, state: State, msg: Msg, ctx: PersistentContext[Msg, Event], /) -> Awaitable[State]: ...


@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: PersistentHandler[State, Msg, Event],
    *,
    key: str,
    name: str | None = None,
    initial_state: State,
    **options: Unpack[PersistentOptions[State, Event, PersistentContext[Msg, Event]]],
) -> ActorRef[Msg]: ...
@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: PersistentHandler[State, Msg, Event],
    *,
    key: str,
    name: str | None = None,
    initial_state_func: Callable[[PersistentContext[Msg, Event]], Awaitable[State] | State],
    **options: Unpack[PersistentOptions[State, Event, PersistentContext[Msg, Event]]],
) -> ActorRef[Msg]: ...
@overload
def spawn_persistent(
    parent: ActorRef[Any],
    f: Callable[[None, Msg, PersistentContext[Msg, Event]], Any],
    *,
    key: str,
    name: str | None = None,
    **options: Unpack[PersistentOptions[Any, Event, PersistentContext[Msg, Event]]],
) -> ActorRef[Msg]: ...
def spawn_persistent(
    parent: ActorRef[Any],
    f: Callable[..., Any],
    *,
    key: str,
    name: str | None = None,
    initial_state: Any = None,
    initial_state_func: Callable[..., Any] | None = None,
    **options: Any,
) -> ActorRef[Any]:
    """A new actor that stores its events in the journal of `key`, and recovers its state from there when it starts.

    The handler stores an event with `await ctx.persist(event)`. When the actor starts, it gets its state back from the
    latest snapshot and the events after it; messages wait until then. There are two ways to make a state of events:

    - With `apply`: `apply(state, event)` returns the next state, and is pure. The handler receives messages only, and
      returns `apply(state, event)` after it has persisted an event.
    - Without `apply`, the handler does it: it first receives all persisted events, in order, with `ctx.recovering` true
      and `NOBODY` as sender. It should change the state in the same way whether recovering or not, and cause effects
      outside the actor only if `ctx.recovering` is false.

    Args:
        parent: The system, or an actor of it. The system needs `configure_persistence`.
        f: The handler `f(state, msg, ctx)`; see `spawn`.
        key: The persistence key: any non-empty text. In a system, one living actor at a time writes to a key. If
            another process writes to it, too, this actor stops with a `SequenceConflictError`.
        name: See `spawn`.
        initial_state: See `spawn`. The state before the first event.
        initial_state_func: See `spawn`.
        **options: See `PersistentOptions`, `ReadingOptions` and `SpawnOptions`. The default `on_crash` waits until an
            outage of the storage (`EngineUnavailableError`) is over: the actor recovers after a delay, again and again,
            while its messages wait. It logs each attempt as a warning. Any other fault stops the actor, and so does a
            journal that can't be read. Whatever a policy decides, an actor whose memory may disagree with its journal
            doesn't just resume: it reads its journal again, or stops.

    Raises:
        KeyInUseError: A living actor of this system writes to `key`.
        ActorStoppedError, NameInUseError: See `spawn`.
        TypeError, ValueError: Another argument is invalid, or the system has no persistence engine.
    """
    if options:
        check_names("spawn_persistent", options, _NAMES)
    check_callable("f", f)
    check_key(key)
    persistence = persistence_of(parent)
    persistence.check_free(key)
    of_actor = {option: options.pop(option) for option in SpawnOptions.__annotations__ if option in options}
    checked = checked_options(
        initial_state=initial_state,
        initial_state_func=initial_state_func,
        **of_actor,
        default_policy=wait_out_outages,
    )
    journal = Journal(key, persistence, journal_options(persistence.engine, **options))
    return spawn_cell(parent, f, name, checked, journal)


def persistence_of(parent: ActorRef[Any]) -> Persistence:
    """The persistence of the parent's system.

    Raises:
        ActorStoppedError: The parent has stopped.
        TypeError: The parent isn't a reference.
        ValueError: The system has no persistence engine.
    """
    runtime = living_family(parent).runtime
    if runtime.persistence is None:
        raise ValueError(
            f"the actor system {runtime.ref.name!r} has no persistence engine: start(configure_persistence(engine))"
        )
    return cast("Persistence", runtime.persistence)
