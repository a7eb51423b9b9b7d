"""The actor system: how it starts, how it ends, and what it says when it failed."""

import asyncio
import gc
import sys
import weakref
from datetime import timedelta
from typing import Any

import pytest

from nact import (
    ActorRef,
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
    spawn_stateless,
    start,
    stop,
)

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


def now() -> float:
    return asyncio.get_running_loop().time()


class Busy:
    """An actor whose handler takes an hour, unless it is interrupted."""

    def __init__(self, parent: ActorRef[Any], **options: Any) -> None:
        self.begun = asyncio.Event()
        self.interrupted = False
        self.ref = spawn(parent, self._handle, "busy", initial_state="before", **options)
        dispatch(self.ref, "work")

    async def _handle(self, state: str, msg: str, ctx: Context[str]) -> str:
        self.begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.interrupted = True
            raise
        return "after"


# --- start -----------------------------------------------------------------------------------------------------------


async def test_a_system_has_the_name_that_it_was_given() -> None:
    async with start(name="shop") as system:
        assert (system.name, system.path) == ("shop", "shop://")


async def test_a_system_without_a_name_gets_one_that_no_other_has() -> None:
    systems = [start() for _ in range(100)]
    assert len({system.name for system in systems}) == 100
    async with systems[0] as system:
        assert spawn(system, echo, "till").path == f"{system.name}://till"


def test_a_system_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match=r"start\(\) needs a running event loop"):
        start()


async def test_plugins_are_given_the_system_in_order() -> None:
    seen: list[tuple[str, ActorSystem]] = []
    system = start(lambda s: seen.append(("first", s)), lambda s: seen.append(("second", s)))
    assert seen == [("first", system), ("second", system)]


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
    await system.stopped()
    await system.stopped()
    assert ended == ["last"]


async def test_an_actor_can_stop_the_system() -> None:
    def leave(state: Any, msg: Any, ctx: Context[Any]) -> None:
        assert ctx.parent is not None
        stop(ctx.parent)

    async with start() as system:
        dispatch(spawn(system, leave), "leave")
        await system.stopped()


async def test_waiting_for_the_end_can_be_given_up_and_taken_up_again() -> None:
    system = start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await system.stopped()
    stop(system)
    await system.stopped()


async def test_an_empty_system_ends_at_once() -> None:
    async with start():
        pass
    assert now() == 0


async def test_a_system_that_ended_leaves_no_deadline_behind() -> None:
    async with start() as system:
        spawn(system, echo, shutdown_after=timedelta(days=30))
        timers = weakref.ref(system.timers)
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


def fail(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    raise ValueError(msg)


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
    assert record.text == "failed while it handled 'by till': ValueError('by till')"
    stop(system)
    await system.stopped()


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


# --- impatience ------------------------------------------------------------------------------------------------------


async def test_a_stop_timeout_interrupts_handlers_and_after_stop_still_runs(records: list[LogRecord]) -> None:
    ended: list[str] = []
    async with start(configure_logging(records.append), stop_timeout=5) as system:
        busy = Busy(system, after_stop=lambda state, ctx: ended.append(state))
        await busy.begun.wait()
    assert now() == 5
    assert busy.interrupted
    assert ended == ["before"]
    assert [record.text for record in records] == ["stops: it was cancelled while it handled 'work': CancelledError()"]


async def test_a_stop_timeout_interrupts_an_after_stop_that_hangs() -> None:
    async def hang(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(3600)

    async with start(stop_timeout=timedelta(seconds=5)) as system:
        parent = spawn(system, echo, after_stop=hang)
        busy = Busy(parent, after_stop=hang)
        await busy.begun.wait()
    assert now() == 15, "the handler, its after_stop, and the parent's had five seconds each"


async def test_a_stop_timeout_interrupts_the_making_of_a_state_and_a_policy() -> None:
    async def make(ctx: Context[Any]) -> None:
        await asyncio.sleep(3600)

    async def judge(*args: Any) -> Decision:
        while True:  # being cut short doesn't impress it
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(1800)

    async with start(stop_timeout=5) as system:
        spawn(system, echo, initial_state_func=make)
        dispatch(spawn(system, fail, on_crash=judge), "fail")
        await query(spawn(system, echo), "let all run", 10)
    assert now() < 3600


async def test_without_need_a_stop_timeout_is_not_waited_for() -> None:
    async with start(stop_timeout=5) as system:
        await query(spawn(system, echo), "hello", 10)
    assert now() == 0


async def test_a_handler_that_will_not_be_interrupted_is_waited_for() -> None:
    async def stubborn(state: str, msg: Any, ctx: Context[Any]) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
        return "after"

    ended: list[str] = []
    async with start(stop_timeout=5) as system:
        ref = spawn(system, stubborn, initial_state="", after_stop=lambda state, ctx: ended.append(state))
        dispatch(ref, "work")
        await query(spawn(system, echo), "let all run", 10)
    assert now() == 8
    assert ended == ["after"]


async def test_a_cancelled_block_interrupts_handlers_waits_for_the_end_and_stays_cancelled() -> None:
    ended: list[str] = []

    async def after_stop(state: str, ctx: Context[Any]) -> None:
        await asyncio.sleep(10)
        ended.append(state)

    async def block(begun: asyncio.Event) -> None:
        async with start() as system:
            await Busy(system, after_stop=after_stop).begun.wait()
            begun.set()

    begun = asyncio.Event()
    task = asyncio.create_task(block(begun))
    await begun.wait()
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert now() == 11
    assert ended == ["before"]


# --- the end of the loop -------------------------------------------------------------------------------------------


def test_a_program_that_never_stops_its_system_ends(recwarn: pytest.WarningsRecorder) -> None:
    ended: list[str] = []

    async def slow(*args: Any) -> None:
        await asyncio.sleep(3600)

    async def main() -> None:
        system = start()
        spawn(system, echo, shutdown_after=60)
        dispatch(spawn_stateless(system, slow), "work")
        busy = Busy(system, after_stop=lambda state, ctx: ended.append(state))
        await busy.begun.wait()
        dispatch(spawn(system, slow), "never begun")

    asyncio.run(main())
    assert ended == ["before"], "the loop cancels the handler: the actor stops"
    assert not recwarn.list


def leave(*args: Any) -> Any:
    sys.exit("bye")


async def leave_later(*args: Any) -> None:
    await asyncio.sleep(0)
    raise KeyboardInterrupt("bye")


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        ({"f": leave}, True),
        ({"f": leave_later}, True),
        ({"f": fail, "on_crash": leave}, True),
        ({"f": fail, "on_crash": leave_later}, True),
        ({"f": lambda state, msg, ctx: stop(ctx.self), "after_stop": leave}, False),
    ],
    ids=["handler", "suspended handler", "policy", "suspended policy", "after_stop"],
)
def test_an_actor_can_end_the_program_and_all_others_end_in_order(options: dict[str, Any], ends: bool) -> None:
    ended: list[str] = []

    def after_stop(state: Any, ctx: Context[Any]) -> None:
        ended.append(ctx.name)

    async def main() -> None:
        async with start() as system:
            spawn(system, echo, "other", after_stop=after_stop)
            leaver = spawn(system, name="leaver", **({"after_stop": after_stop} | options))
            spawn(leaver, echo, "child", after_stop=after_stop)
            dispatch(leaver, "leave")
            await asyncio.sleep(3600)

    with pytest.raises((SystemExit, KeyboardInterrupt), match="bye"):
        asyncio.run(main())
    gc.collect()  # asyncio says now that nobody looked at the task's exception
    assert set(ended) == {"other", "child"} | ({"leaver"} if ends else set())
    assert not ends or ended.index("child") < ended.index("leaver")


def test_a_stateless_actor_can_end_the_program() -> None:
    async def main() -> None:
        async with start() as system:
            dispatch(spawn_stateless(system, leave_later), "leave")
            await asyncio.sleep(3600)

    with pytest.raises(KeyboardInterrupt, match="bye"):
        asyncio.run(main())
    gc.collect()


def test_a_handler_can_end_the_program_while_its_actor_is_told_to_stop() -> None:
    ended: list[str] = []

    async def stop_and_leave(state: str, msg: Any, ctx: Context[Any]) -> str:
        stop(ctx.self)
        await asyncio.sleep(0)
        sys.exit("bye")

    async def main() -> None:
        async with start() as system:
            ref = spawn(system, stop_and_leave, initial_state="last", after_stop=lambda state, ctx: ended.append(state))
            dispatch(ref, "leave")
            await asyncio.sleep(3600)

    with pytest.raises(SystemExit, match="bye"):
        asyncio.run(main())
    gc.collect()
    assert ended == ["last"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has had eager tasks since Python 3.12")
def test_a_system_starts_and_ends_under_an_eager_task_factory() -> None:
    ended: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        async with start() as system:
            ref = spawn(system, echo, initial_state="last", after_stop=lambda state, ctx: ended.append(state))
            assert await query(ref, "hello", 10) == "hello"

    asyncio.run(main())
    assert ended == ["last"]
