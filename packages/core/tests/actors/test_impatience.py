"""A system that doesn't wait for its actors, or whose loop ends."""

import asyncio
import gc
import sys
from datetime import timedelta
from typing import Any

import pytest

from nact import (
    Context,
    Decision,
    LogRecord,
    configure_logging,
    dispatch,
    log_to_nothing,
    query,
    spawn,
    spawn_stateless,
    start,
    stop,
)

from .handlers import Busy, echo, fail, leave, now

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


# --- impatience ------------------------------------------------------------------------------------------------------


async def test_a_stop_timeout_interrupts_handlers_and_after_stop_still_runs(records: list[LogRecord]) -> None:
    ended: list[str] = []
    async with start(configure_logging(records.append), stop_timeout=5) as system:
        busy = Busy(system, after_stop=lambda state, ctx: ended.append(state))
        await busy.begun.wait()
    assert now() == 5
    assert busy.interrupted
    assert ended == ["before"]
    assert [record.text for record in records] == [
        "stops: it was cancelled while it handled a message of type str: CancelledError()"
    ]


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


def test_a_program_that_never_stops_its_system_ends() -> None:
    ended: list[str] = []

    async def slow(*args: Any) -> None:
        await asyncio.sleep(3600)

    async def main() -> None:
        system = start(configure_logging(log_to_nothing))  # a log would keep what it tells of
        spawn(system, echo, shutdown_after=60)
        dispatch(spawn_stateless(system, slow), "work")
        busy = Busy(system, after_stop=lambda state, ctx: ended.append(state))
        await busy.begun.wait()
        dispatch(spawn(system, slow), "never begun")

    with pytest.warns(ResourceWarning, match="was left open"):
        _ = (asyncio.run(main()), gc.collect())
    assert ended == ["before"], "the loop cancels the handler: the actor stops"


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
