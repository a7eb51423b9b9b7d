"""`spawn` and `spawn_stateless`: make actors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, Unpack, overload

from nact._actor.bounded import BoundedCell
from nact._actor.cell import Cell
from nact._actor.family import Family
from nact._actor.options import (
    Options,
    SpawnOptions,
    StatelessOptions,
    check_callable,
    check_name,
    check_names,
    checked_options,
)
from nact._actor.stateless import Stateless
from nact._runtime.endings import stopped_error
from nact.context import Context
from nact.references import ActorRef
from nact.supervision import resume_on_crash

if TYPE_CHECKING:
    from nact._actor.journaling import Journaling

State = TypeVar("State")
Msg = TypeVar("Msg")

_NAMES: Final = SpawnOptions.__annotations__.keys()


# Handlers are typed by protocols, one for each kind: from a `Callable`, a type checker infers the state too late to
# know the type of the items of `initial_state=[]`.


class AsyncHandler(Protocol[State, Msg]):
    """An async handler."""

    def __call__(self, state: State, msg: Msg, ctx: Context[Msg], /) -> Awaitable[State]: ...


class SyncHandler(Protocol[State, Msg]):
    """A handler that is a plain function."""

    def __call__(self, state: State, msg: Msg, ctx: Context[Msg], /) -> State: ...


@overload
def spawn(
    parent: ActorRef[Any],
    f: AsyncHandler[State, Msg],
    name: str | None = None,
    *,
    initial_state: State,
    **options: Unpack[SpawnOptions[State, Context[Msg]]],
) -> ActorRef[Msg]: ...
@overload
def spawn(
    parent: ActorRef[Any],
    f: SyncHandler[State, Msg],
    name: str | None = None,
    *,
    initial_state: State,
    **options: Unpack[SpawnOptions[State, Context[Msg]]],
) -> ActorRef[Msg]: ...
@overload
def spawn(
    parent: ActorRef[Any],
    f: AsyncHandler[State, Msg],
    name: str | None = None,
    *,
    initial_state_func: Callable[[Context[Msg]], Awaitable[State] | State],
    **options: Unpack[SpawnOptions[State, Context[Msg]]],
) -> ActorRef[Msg]: ...
@overload
def spawn(
    parent: ActorRef[Any],
    f: SyncHandler[State, Msg],
    name: str | None = None,
    *,
    initial_state_func: Callable[[Context[Msg]], Awaitable[State] | State],
    **options: Unpack[SpawnOptions[State, Context[Msg]]],
) -> ActorRef[Msg]: ...
@overload
def spawn(
    parent: ActorRef[Any],
    f: Callable[[None, Msg, Context[Msg]], Any],
    name: str | None = None,
    **options: Unpack[SpawnOptions[Any, Context[Msg]]],
) -> ActorRef[Msg]: ...
def spawn(
    parent: ActorRef[Any],
    f: Callable[..., Any],
    name: str | None = None,
    *,
    initial_state: Any = None,
    initial_state_func: Callable[..., Any] | None = None,
    **options: Any,
) -> ActorRef[Any]:
    """A new actor, which handles one message at a time, in order, with `f(state, msg, ctx)`.

    `f` returns the next state, directly or when awaited. `spawn` returns at once; messages that are sent before the
    actor has its initial state wait in the mailbox.

    Args:
        parent: The system, or an actor. When it stops, the new actor stops, too.
        f: The handler, sync or async. If it raises, the state stays as it was, and `on_crash` decides what to do.
        name: A name that no living sibling has, of the characters `A-Z a-z 0-9 - $ _ . + ! * ' ( ) ,`. Without it, the
            actor gets a new name.
        initial_state: The first state, and the state after a reset. If handlers change it in place, use
            `initial_state_func` instead: a reset wouldn't undo that.
        initial_state_func: Makes the initial state from the context, sync or async. If it raises, `on_crash` is
            asked, with `None` as the message; repeated resets then wait longer and longer, up to 30 s.
        **options: See `SpawnOptions`.

    Raises:
        ActorStoppedError: The parent has stopped.
        NameInUseError: A living sibling has this name.
        TypeError, ValueError: Another argument is invalid. The message names it.
    """
    if options:
        check_names("spawn", options, _NAMES)
    check_callable("f", f)
    checked = checked_options(initial_state=initial_state, initial_state_func=initial_state_func, **options)
    return spawn_cell(parent, f, name, checked)


def spawn_stateless(
    parent: ActorRef[Any],
    f: Callable[[Msg, Context[Msg]], object],
    name: str | None = None,
    **options: Unpack[StatelessOptions],
) -> ActorRef[Msg]:
    """A new actor without a state, which handles messages with `f(msg, ctx)`, concurrently if `f` is async.

    It begins to handle messages in order. A fault is logged, and doesn't stop the actor unless `on_crash` decides so;
    an asker gets it at once as a `HandlerFailedError`. When the actor is told to stop, it finishes the messages in
    progress. Messages in progress count towards `mailbox_limit`, like those in the mailbox.

    Args and Raises are those of `spawn`; the options are those of `StatelessOptions`.
    """
    if options:
        check_names("spawn_stateless", options, StatelessOptions.__annotations__)
    check_callable("f", f)
    return spawn_cell(parent, Stateless(f), name, checked_options(**options, default_policy=resume_on_crash))


def spawn_cell(
    parent: ActorRef[Any],
    f: Callable[..., Any],
    name: str | None,
    options: Options,
    journal: Journaling | None = None,
) -> ActorRef[Any]:
    """Makes and starts the cell of an actor, for all kinds of `spawn`."""
    family = living_family(parent)
    if name is not None:
        check_name(name)
    if family.runtime.observer is not None:
        f = f.observed_by(family.runtime.observer) if isinstance(f, Stateless) else family.runtime.observer.handler(f)
    is_bounded = options.mailbox_limit is not None or family.runtime.mailbox_limit is not None
    new_cell = BoundedCell if is_bounded else Cell
    cell = new_cell(family.name_for_child(name), family, f, options, journal)
    if isinstance(f, Stateless):
        f.cell = cell
    if journal is not None:
        journal.claim()
    cell.begin()
    return cell.ref


def living_family(parent: ActorRef[Any]) -> Family:
    """The inside of `parent`, a system or an actor.

    Raises:
        ActorStoppedError: It has stopped.
        TypeError: It isn't a reference.
    """
    if not isinstance(parent, ActorRef):
        raise TypeError(f"parent must be an actor system or an ActorRef, not {parent!r}")
    family = parent._target
    if not isinstance(family, Family):
        raise stopped_error(parent, "it can't have children")
    return family
