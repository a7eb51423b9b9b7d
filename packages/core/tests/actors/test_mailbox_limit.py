"""`mailbox_limit`: a full mailbox refuses questions with an error, and makes dead letters of messages."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nact import (
    ActorRef,
    Context,
    MailboxFullError,
    configure_persistence,
    dispatch,
    query,
    spawn,
    spawn_persistent,
    spawn_stateless,
    start,
    stop,
)
from nact.persistence import MemoryPersistenceEngine

from .handlers import echo, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


class Gate:
    """Handlers that wait until it is opened. They note what they handled."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.handled: list[Any] = []

    async def handle(self, state: Any, msg: Any, ctx: Context[Any]) -> None:
        await self.opened.wait()
        self.handled.append(msg)
        dispatch(ctx.sender, msg)

    async def serve(self, msg: Any, ctx: Context[Any]) -> None:
        await self.handle(None, msg, ctx)


async def let_all_run(system: ActorRef[Any]) -> None:
    await query(spawn(system, echo, mailbox_limit=9), "let all run", 10)


async def test_as_many_messages_as_the_limit_wait() -> None:
    gate = Gate()
    async with start() as system:
        ref = spawn(system, gate.handle, mailbox_limit=3)
        dispatch(ref, "in progress")
        await let_all_run(system)
        for number in range(5):
            dispatch(ref, number)
        assert system.dead_letters == 2
        gate.opened.set()
        await let_all_run(system)
        await let_all_run(system)
    assert gate.handled == ["in progress", 0, 1, 2]


async def test_a_query_is_refused_with_an_error_that_teaches() -> None:
    async with start(name="shop") as system:
        ref = spawn(system, silent, "till", mailbox_limit=1)
        dispatch(ref, "waits")
        question = query(ref, "hello?", 3600)
        assert question.done()
        with pytest.raises(MailboxFullError, match="the mailbox of shop://till is full: mailbox_limit=1") as caught:
            await question
        assert (caught.value.path, caught.value.limit) == ("shop://till", 1)
        assert system.dead_letters == 0


async def test_a_refused_query_leaves_no_deadline_behind() -> None:
    async with start() as system:
        ref = spawn(system, silent, mailbox_limit=1)
        dispatch(ref, "waits")
        with pytest.raises(MailboxFullError):
            await query(ref, "hello?", 3600)
        assert not any(system._runtime.timers._buckets.values())
        assert not ref._target.queries  # type: ignore[union-attr]


async def test_there_is_room_again_when_messages_were_handled() -> None:
    async with start() as system:
        ref = spawn(system, echo, mailbox_limit=2)
        for _ in range(100):
            first, second = query(ref, "a", 10), query(ref, "b", 10)
            assert (await first, await second) == ("a", "b")
        assert system.dead_letters == 0


async def test_the_limit_of_the_system_holds_for_all() -> None:
    async with start(mailbox_limit=2) as system:
        actors: list[ActorRef[int]] = [spawn(system, silent), spawn_stateless(system, lambda msg, ctx: None)]
        for ref in actors:
            before = system.dead_letters
            for number in range(5):
                dispatch(ref, number)
            assert system.dead_letters - before == 3


@pytest.mark.parametrize(("limit", "taken"), [(3, 3), (sys.maxsize, 5)])
async def test_an_actors_own_limit_comes_before_the_systems(limit: int, taken: int) -> None:
    async with start(mailbox_limit=2) as system:
        ref = spawn(system, silent, mailbox_limit=limit)
        for number in range(5):
            dispatch(ref, number)
        assert system.dead_letters == 5 - taken


async def test_without_a_limit_everything_is_taken() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        for number in range(10_000):
            dispatch(ref, number)
        assert system.dead_letters == 0


async def test_messages_in_progress_count_for_stateless_actors() -> None:
    gate = Gate()
    async with start() as system:
        ref = spawn_stateless(system, gate.serve, mailbox_limit=3)
        questions = [query(ref, number, 3600) for number in range(2)]
        await let_all_run(system)
        questions.append(query(ref, 2, 3600))
        with pytest.raises(MailboxFullError):
            await query(ref, "one too many", 3600)
        gate.opened.set()
        assert await asyncio.gather(*questions) == [0, 1, 2]
        assert await query(ref, "room again", 3600) == "room again"


async def test_children_that_end_slowly_do_not_count() -> None:
    async def after_stop(state: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(3600)

    async with start() as system:
        ref: ActorRef[Any] = spawn_stateless(system, lambda msg, ctx: dispatch(ctx.sender, msg), mailbox_limit=1)
        for _ in range(3):
            stop(spawn(ref, silent, after_stop=after_stop))
        assert await query(ref, "hello", 10) == "hello"


async def test_messages_count_that_wait_for_a_recovery() -> None:
    async def handle(state: Any, msg: Any, ctx: Context[Any]) -> None:
        dispatch(ctx.sender, msg)

    async with start(configure_persistence(MemoryPersistenceEngine())) as system:
        ref = spawn_persistent(system, handle, key="k", mailbox_limit=2)
        first = query(ref, "first", 10)
        dispatch(ref, "second")
        dispatch(ref, "third")
        assert system.dead_letters == 1
        assert await first == "first"


async def test_a_full_mailbox_is_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    async with start(name="shop") as system:
        ref = spawn(system, gate.handle, "till", mailbox_limit=1)
        dispatch(ref, "in progress")
        await let_all_run(system)
        dispatch(ref, "waits")
        for number in range(1000):
            dispatch(ref, number)
        assert [record.__dict__["nact_dropped"] for record in caplog.records] == [1]
        await asyncio.sleep(60)
        dispatch(ref, "much later")
        assert [record.__dict__["nact_dropped"] for record in caplog.records] == [1, 999, 1]
        assert system.dead_letters == 1001
        gate.opened.set()
    assert {(record.name, record.levelname) for record in caplog.records} == {("nact.dead_letters", "WARNING")}
    assert caplog.records[1].getMessage() == (
        "shop://till has a full mailbox (mailbox_limit=1); dropped 999 messages since the last such line"
    )
    assert caplog.records[1].__dict__["nact_actor"] == "shop://till"


async def test_a_stop_gets_through_to_a_full_actor() -> None:
    async with start() as system:
        ref = spawn(system, silent, mailbox_limit=1)
        dispatch(ref, "waits")
        stop(ref)
        assert ref.is_stopped


@pytest.mark.parametrize(("limit", "error"), [("5", TypeError), (True, TypeError), (0, ValueError), (-1, ValueError)])
async def test_a_system_refuses_what_is_no_limit(limit: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="mailbox_limit must be") as caught:
        start(mailbox_limit=limit)
    assert repr(limit) in str(caught.value)


@pytest.mark.parametrize("spawn_any", [spawn, spawn_stateless])
async def test_the_sender_may_be_full_itself(spawn_any: Callable[..., Any]) -> None:
    async with start() as system:
        ref = spawn_any(system, lambda *args: None, mailbox_limit=1)
        dispatch(ref, "a", ref)
        dispatch(ref, "b", ref)
        assert system.dead_letters == 1
