"""`spawn`: names, arguments, and what a failed spawn leaves behind. For `spawn_stateless`, see test_stateless.py."""

import string
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nact import NOBODY, ActorRef, ActorStoppedError, Context, NameInUseError, dispatch, query, spawn, start, stop
from nact.spawning import spawn_stateless

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]

Spawn = Callable[..., ActorRef[Any]]

NAME_CHARACTERS = string.ascii_letters + string.digits + "-$_.+!*'(),"


def idle(*args: Any) -> Any:
    return args[0]


both_kinds = pytest.mark.parametrize("spawn_any", [spawn, spawn_stateless])


# --- state ---------------------------------------------------------------------------------------------------------


async def test_what_the_handler_returns_is_the_next_state() -> None:
    def collect(state: str, msg: str, ctx: Context[str]) -> str:
        dispatch(ctx.sender, state)
        return state + msg

    async with start() as system:
        ref = spawn(system, collect, initial_state="-")
        assert [await query(ref, letter, 10) for letter in "abc"] == ["-", "-a", "-ab"]


async def test_what_the_handler_returns_when_awaited_is_the_next_state() -> None:
    async def collect(state: str, msg: str, ctx: Context[str]) -> str:
        dispatch(ctx.sender, state)
        return state + msg

    async with start() as system:
        ref = spawn(system, collect, initial_state="-")
        assert [await query(ref, letter, 10) for letter in "abc"] == ["-", "-a", "-ab"]


async def test_any_awaitable_will_do() -> None:
    class Promise:
        def __await__(self) -> Any:
            yield from ()
            return "kept"

    def promise(state: str, msg: str, ctx: Context[str]) -> Promise:
        dispatch(ctx.sender, state)
        return Promise()

    async with start() as system:
        ref = spawn(system, promise, initial_state="made")
        assert [await query(ref, "?", 10), await query(ref, "?", 10)] == ["made", "kept"]


async def test_without_an_initial_state_it_is_none() -> None:
    def tell(state: Any, msg: Any, ctx: Context[Any]) -> None:
        dispatch(ctx.sender, ("state", state))

    async with start() as system:
        assert await query(spawn(system, tell), "?", 10) == ("state", None)


async def test_an_object_with_call_can_be_a_handler() -> None:
    class Doubler:
        def __call__(self, state: None, msg: int, ctx: Context[int]) -> None:
            dispatch(ctx.sender, 2 * msg)

    async with start() as system:
        assert await query(spawn(system, Doubler(), initial_state=None), 21, 10) == 42


# --- names ---------------------------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("name", [NAME_CHARACTERS, "a", "-", "(1)", "x" * 1000])
async def test_a_name_may_have_any_of_the_characters_allowed(spawn_any: Spawn, name: str) -> None:
    async with start() as system:
        assert spawn_any(system, idle, name).name == name
        assert list(system.children) == [name]


@both_kinds
@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "a:b", "ä", "a\n", "a?", "a#b", "a%20", "[a]", "٣"])
async def test_a_name_of_other_characters_is_refused(spawn_any: Spawn, name: str) -> None:
    async with start() as system:
        with pytest.raises(ValueError, match="name must be made of") as caught:
            spawn_any(system, idle, name)
        assert repr(name) in str(caught.value)
        assert not system.children


@both_kinds
@pytest.mark.parametrize("name", [5, b"till", ["till"]])
async def test_a_name_that_is_no_text_is_refused(spawn_any: Spawn, name: Any) -> None:
    async with start() as system:
        with pytest.raises(TypeError, match="name must be a str, not") as caught:
            spawn_any(system, idle, name)
        assert repr(name) in str(caught.value)


@both_kinds
async def test_siblings_have_different_names(spawn_any: Spawn) -> None:
    async with start(name="shop") as system:
        first = spawn_any(system, idle, "till")
        with pytest.raises(NameInUseError, match="shop:// already has a child named 'till'"):
            spawn_any(system, idle, "till")
        assert system.children == {"till": first}
        assert not first.is_stopped


async def test_cousins_may_have_the_same_name() -> None:
    async with start(name="shop") as system:
        cousins = [spawn(spawn(system, idle, name), idle, "x") for name in ("a", "b")]
        assert [cousin.path for cousin in cousins] == ["shop://a/x", "shop://b/x"]


async def test_a_name_is_free_again_when_its_actor_is_told_to_stop() -> None:
    async with start() as system:
        stop(spawn(system, idle, "till"))
        second = spawn(system, idle, "till")
        assert system.children == {"till": second}


async def test_a_generated_name_is_one_that_was_not_given() -> None:
    async with start() as system, start() as other:
        made_up = spawn(other, idle).name
        given = spawn(system, idle, made_up)
        assert spawn(system, idle).name != made_up
        assert system.children[made_up] is given


# --- where -----------------------------------------------------------------------------------------------------------


@both_kinds
async def test_actors_can_be_spawned_by_a_handler(spawn_any: Spawn) -> None:
    def parent(state: Any, msg: str, ctx: Context[str]) -> None:
        dispatch(ctx.sender, spawn_any(ctx.self, idle, msg))

    async with start(name="shop") as system:
        child = await query(spawn(system, parent, "floor"), "till", 10)
        assert child.path == "shop://floor/till"


@both_kinds
async def test_nothing_is_spawned_under_an_actor_that_stopped(spawn_any: Spawn) -> None:
    async with start(name="shop") as system:
        floor = spawn(system, idle, "floor")
        stop(floor)
        with pytest.raises(ActorStoppedError, match="shop://floor has stopped"):
            spawn_any(floor, idle)


@both_kinds
async def test_nothing_is_spawned_under_a_system_that_stopped(spawn_any: Spawn) -> None:
    async with start(name="shop") as system:
        pass
    with pytest.raises(ActorStoppedError, match="shop:// has stopped"):
        spawn_any(system, idle)


@both_kinds
async def test_nothing_is_spawned_under_nobody(spawn_any: Spawn) -> None:
    with pytest.raises(ActorStoppedError, match="never existed"):
        spawn_any(NOBODY, idle)


async def test_nothing_is_spawned_under_the_sender_of_a_query() -> None:
    def spawn_there(state: Any, msg: Any, ctx: Context[Any]) -> None:
        with pytest.raises(ActorStoppedError):
            spawn(ctx.sender, idle)
        dispatch(ctx.sender, "refused")

    async with start() as system:
        assert await query(spawn(system, spawn_there), "?", 10) == "refused"


# --- wrong arguments -----------------------------------------------------------------------------------------------


BOTH_REFUSE: list[tuple[str, Any, type[Exception]]] = [
    ("shutdown_after", "5", TypeError),
    ("shutdown_after", True, TypeError),
    ("shutdown_after", 0, ValueError),
    ("shutdown_after", -1.5, ValueError),
    ("shutdown_after", float("nan"), ValueError),
    ("shutdown_after", timedelta(0), ValueError),
    ("on_crash", "stop", TypeError),
    ("mailbox_limit", "5", TypeError),
    ("mailbox_limit", True, TypeError),
    ("mailbox_limit", 1.5, TypeError),
    ("mailbox_limit", 0, ValueError),
    ("mailbox_limit", -1, ValueError),
]
SPAWN_REFUSES: list[tuple[str, Any, type[Exception]]] = [
    ("initial_state_func", 5, TypeError),
    ("after_stop", [], TypeError),
]


@pytest.mark.parametrize(
    ("spawn_any", "argument", "value", "error"),
    [(kind, *case) for kind in (spawn, spawn_stateless) for case in BOTH_REFUSE]
    + [(spawn, *case) for case in SPAWN_REFUSES],
    ids=lambda value: str(value).partition(" at 0x")[0],  # the same in all processes that share the tests
)
async def test_a_wrong_argument_is_refused_and_named(
    spawn_any: Spawn, argument: str, value: Any, error: type[Exception]
) -> None:
    async with start() as system:
        with pytest.raises(error) as caught:
            spawn_any(system, idle, **{argument: value})
        assert argument in str(caught.value)
        shown = value.total_seconds() if isinstance(value, timedelta) else value
        assert repr(shown) in str(caught.value)
        assert not system.children


@both_kinds
@pytest.mark.parametrize("parent", [None, "shop://", 5])
async def test_a_parent_that_is_no_reference_is_refused(spawn_any: Spawn, parent: Any) -> None:
    with pytest.raises(TypeError, match="parent must be an actor system or an ActorRef, not") as caught:
        spawn_any(parent, idle)
    assert repr(parent) in str(caught.value)


@both_kinds
@pytest.mark.parametrize("f", [None, "handler", 5])
async def test_a_handler_that_is_no_function_is_refused(spawn_any: Spawn, f: Any) -> None:
    async with start() as system:
        with pytest.raises(TypeError, match="f must be a function, not") as caught:
            spawn_any(system, f)
        assert repr(f) in str(caught.value)
        assert not system.children


async def test_an_initial_state_is_given_or_made_not_both() -> None:
    async with start() as system:
        with pytest.raises(ValueError, match="give initial_state or initial_state_func, not both"):
            spawn(system, idle, initial_state=1, initial_state_func=idle)  # type: ignore[call-overload]
        assert not system.children
