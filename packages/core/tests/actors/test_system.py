"""The actor system: how it starts, how it ends, and what it says when it failed."""

import asyncio
import gc
import weakref
from datetime import timedelta
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    ActorSystem,
    Context,
    Decision,
    LogRecord,
    SystemFailedError,
    configure_logging,
    dispatch,
    query,
    spawn,
    start,
    stop,
    stopped,
)

from .handlers import Busy, echo, fail, now

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


# --- start -----------------------------------------------------------------------------------------------------------


async def test_a_system_has_the_name_that_it_was_given() -> None:
    async with start(name="shop") as system:
        assert (system.name, system.path) == ("shop", "shop://")


async def test_a_system_without_a_name_gets_one_that_no_other_has() -> None:
    systems = [start() for _ in range(100)]
    assert len({system.name for system in systems}) == 100
    for system in systems[1:]:
        stop(system)
        await stopped(system)
    async with systems[0] as system:
        assert spawn(system, echo, "till").path == f"{system.name}://till"


def test_a_system_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match=r"start\(\) needs a running event loop"):
        start()


async def test_plugins_are_given_the_system_in_order() -> None:
    seen: list[tuple[str, ActorSystem]] = []
    system = start(lambda s: seen.append(("first", s)), lambda s: seen.append(("second", s)))
    assert seen == [("first", system), ("second", system)]
    stop(system)
    await stopped(system)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": ""}, ValueError, "name must be made of .* not ''"),
        ({"name": "my shop"}, ValueError, "name must be made of .* not 'my shop'"),
        ({"name": 5}, TypeError, "name must be a str, not 5"),
        ({"stop_timeout": 0}, ValueError, "stop_timeout must be longer than zero, not 0"),
        ({"stop_timeout": timedelta(seconds=-1)}, ValueError, "stop_timeout must be longer than zero, not -1.0"),
        ({"stop_timeout": "5"}, TypeError, "stop_timeout must be a duration .* not '5'"),
    ],
    ids=str,
)
async def test_a_wrong_argument_is_refused_and_named(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        start(**arguments)


@pytest.mark.parametrize("plugin", [None, "persistence", 5])
async def test_what_is_no_plugin_is_refused_before_any_other_is_used(plugin: Any) -> None:
    used: list[ActorSystem] = []
    with pytest.raises(TypeError, match=r"a plugin is what a configure_\.\.\. function returns, not") as caught:
        start(used.append, plugin)
    assert repr(plugin) in str(caught.value)
    assert used == []


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_leaving_the_block_stops_every_actor_and_waits_for_every_after_stop() -> None:
    ended: list[str] = []

    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        ended.append(ctx.name)

    async with start() as system:
        refs = [spawn(system, echo, name, after_stop=after_stop) for name in "abc"]
        refs.append(spawn(refs[0], echo, "d", after_stop=after_stop))
    assert sorted(ended) == ["a", "b", "c", "d"]
    assert all(ref.is_stopped for ref in refs)
    assert system.is_stopped
    assert not system.children


async def test_leaving_the_block_waits_for_the_messages_in_progress() -> None:
    ended: list[str] = []
    async with start() as system:
        busy = Busy(system, after_stop=lambda state, ctx: ended.append(state))
        await busy.begun.wait()
    assert ended == ["after"]
    assert now() == 3600


async def test_a_system_can_be_stopped_by_hand() -> None:
    ended: list[str] = []
    system = start()
    ref = spawn(system, echo, initial_state="last", after_stop=lambda state, ctx: ended.append(state))
    stop(system)
    stop(system)
    assert ref.is_stopped
    await stopped(system)
    await stopped(system)
    assert ended == ["last"]


async def test_an_actor_can_stop_the_system() -> None:
    def leave(state: Any, msg: Any, ctx: Context[Any]) -> None:
        assert ctx.parent is not None
        stop(ctx.parent)

    async with start() as system:
        dispatch(spawn(system, leave), "leave")
        await stopped(system)


async def test_waiting_for_the_end_can_be_given_up_and_taken_up_again() -> None:
    system = start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await stopped(system)
    stop(system)
    await stopped(system)


async def test_an_empty_system_ends_at_once() -> None:
    async with start():
        pass
    assert now() == 0


async def test_a_system_that_ended_leaves_no_deadline_behind() -> None:
    async with start() as system:
        spawn(system, echo, shutdown_after=timedelta(days=30))
        timers = weakref.ref(system._runtime.timers)
    del system
    gc.collect()
    assert timers() is None


async def test_messages_after_the_end_are_dead_letters() -> None:
    async with start() as system:
        ref = spawn(system, echo)
    dispatch(ref, "too late")
    assert system.dead_letters == 1
    with pytest.raises(ActorStoppedError):
        await query(ref, "too late?", 10)


# --- failures --------------------------------------------------------------------------------------------------------


async def escalated(system: ActorSystem, name: str) -> None:
    """An actor has failed, and nobody could handle that."""
    with pytest.raises(ActorStoppedError):
        await query(spawn(system, fail, name, on_crash=lambda *args: Decision.ESCALATE), f"by {name}", 10)


async def test_a_system_that_failed_says_which_actors_and_why_oldest_first() -> None:
    def after_stop(state: Any, ctx: Context[Any]) -> None:
        raise KeyError("lost")

    async def shop() -> None:
        async with start(name="shop") as system:
            spawn(system, echo, "door", after_stop=after_stop)
            await escalated(system, "till")
            assert [path for path, _ in system.failures] == ["shop://till"]

    with pytest.raises(SystemFailedError) as caught:
        await shop()
    assert str(caught.value) == (
        "actor system 'shop' failed: shop://till: ValueError: by till; shop://door: KeyError: 'lost'"
    )
    assert caught.value.system == "shop"
    assert caught.value.__cause__ is caught.value.failures[0][1]


async def test_a_failure_is_logged_when_it_happens(records: list[LogRecord]) -> None:
    system = start(configure_logging(records.append), name="shop")
    await escalated(system, "till")
    (record,) = records
    assert record.actor.path == "shop://till"
    assert record.text == "failed while it handled a message of type str: ValueError('by till')"
    stop(system)
    await stopped(system)


async def test_a_system_without_failures_has_none() -> None:
    async with start() as system:
        dispatch(spawn(system, fail), "handled by the default policy")
        await query(spawn(system, echo), "let all run", 10)
        assert system.failures == ()


async def test_an_error_of_the_body_is_not_masked() -> None:
    system = start()

    async def body() -> None:
        async with system:
            await escalated(system, "till")
            raise LookupError("the body's")

    with pytest.raises(LookupError, match="the body's"):
        await body()
    assert len(system.failures) == 1
