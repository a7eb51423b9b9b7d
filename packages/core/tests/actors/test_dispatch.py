"""`dispatch`, and dead letters."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nact import (
    NOBODY,
    ActorRef,
    Context,
    dispatch,
    query,
    spawn,
    start,
    stop,
)

from .handlers import echo, silent

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


# --- dispatch --------------------------------------------------------------------------------------------------------


async def test_messages_arrive_in_the_order_in_which_they_were_sent() -> None:
    def collect(state: list[int], msg: int, ctx: Context[int]) -> list[int]:
        dispatch(ctx.sender, [*state, msg])
        return [*state, msg]

    async with start() as system:
        ref = spawn(system, collect, initial_state=[])
        for number in range(200):
            dispatch(ref, number)
        assert await query(ref, 200, 10) == list(range(201))


async def test_each_sender_finds_its_messages_in_order_whatever_others_send() -> None:
    received: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    all_received = asyncio.Event()

    async def receive(state: int, msg: int, ctx: Context[int]) -> int:
        await asyncio.sleep(0)
        received[ctx.sender.name].append(msg)
        if state + 1 == 3 * 50:
            all_received.set()
        return state + 1

    async with start() as system:
        receiver = spawn(system, receive, initial_state=0)

        async def send(state: Any, msg: int, ctx: Context[int]) -> None:
            if msg % 3 == 0:
                await asyncio.sleep(0)
            dispatch(receiver, msg, ctx.self)
            if msg < 49:
                dispatch(ctx.self, msg + 1)

        for name in received:
            dispatch(spawn(system, send, name), 0)
        await all_received.wait()
    assert received == {name: list(range(50)) for name in "abc"}


async def test_one_message_is_handled_at_a_time() -> None:
    begun: list[str] = []
    release = asyncio.Event()

    async def slow(state: Any, msg: str, ctx: Context[str]) -> None:
        begun.append(msg)
        await release.wait()
        dispatch(ctx.sender, msg)

    async with start() as system:
        ref, other = spawn(system, slow), spawn(system, echo)
        first, second = query(ref, "first", 10), query(ref, "second", 10)
        await query(other, "let all run that can", 10)
        assert begun == ["first"]
        release.set()
        assert (await first, await second) == ("first", "second")


async def test_dispatch_returns_before_the_message_is_handled() -> None:
    handled: list[str] = []

    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: handled.append(msg))
        dispatch(ref, "hello")
        assert handled == []
        await query(spawn(system, echo), "let all run", 10)
        assert handled == ["hello"]


async def test_the_receiver_knows_the_sender() -> None:
    senders: asyncio.Queue[ActorRef[Any]] = asyncio.Queue()

    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: senders.put_nowait(ctx.sender))
        other = spawn(system, silent)
        dispatch(ref, "from the other", other)
        dispatch(ref, "from nobody")
        assert [await senders.get(), await senders.get()] == [other, NOBODY]


@pytest.mark.parametrize("msg", [None, 0, "", (), Exception("no fault")], ids=repr)
async def test_any_object_can_be_a_message(msg: Any) -> None:
    async with start() as system:
        ref = spawn(system, echo)
        assert await query(ref, msg, 10) is msg


@pytest.mark.parametrize("ref", [None, "shop://till", 5])
async def test_dispatch_refuses_what_is_no_reference(ref: Any) -> None:
    with pytest.raises(TypeError, match="ref must be an ActorRef") as caught:
        dispatch(ref, "hello")
    assert repr(ref) in str(caught.value)


@pytest.mark.parametrize("sender", ["shop://till", 5, b""], ids=repr)
async def test_dispatch_refuses_a_sender_that_is_no_reference(sender: Any) -> None:
    handled: list[str] = []
    async with start() as system:
        ref: ActorRef[str] = spawn(system, lambda state, msg, ctx: handled.append(msg))
        with pytest.raises(TypeError, match="sender must be an ActorRef") as caught:
            dispatch(ref, "hello", sender)
        assert repr(sender) in str(caught.value)
        await query(spawn(system, echo), "let all run", 10)
    assert handled == []


# --- dead letters ------------------------------------------------------------------------------------------------


async def test_a_message_to_a_stopped_actor_is_a_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="nact.dead_letters")
    async with start(name="shop") as system:
        ref = spawn(system, silent, "till")
        stop(ref)
        dispatch(ref, "too late")
        assert system.dead_letters == 1
    (record,) = caplog.records
    assert record.getMessage() == "shop://till has stopped; dropped a message of type str"
    assert record.__dict__["nact_actor"] == "shop://till"


async def test_a_dead_letter_that_cannot_be_shown_is_one_as_well(caplog: pytest.LogCaptureFixture) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("don't look")

    caplog.set_level(logging.INFO, logger="nact.dead_letters")
    async with start(name="shop", log_messages=True) as system:
        ref = spawn(system, silent, "till")
        stop(ref)
        dispatch(ref, Shy())
    (record,) = caplog.records
    assert record.getMessage().endswith("dropped <Shy, whose repr raised RuntimeError>")


async def test_the_messages_that_waited_for_a_stopped_actor_are_dead_letters() -> None:
    async with start() as system:
        ref = spawn(system, silent)
        for number in range(5):
            dispatch(ref, number)
        stop(ref)
        assert system.dead_letters == 5


async def test_a_message_to_the_system_itself_is_a_dead_letter() -> None:
    async with start() as system:
        dispatch(system, "is anybody there?")
        assert system.dead_letters == 1
    dispatch(system, "is anybody still there?")
    assert system.dead_letters == 2


async def test_a_dead_letter_costs_no_repr_unless_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

    caplog.set_level(logging.WARNING, logger="nact.dead_letters")
    async with start() as system:
        ref = spawn(system, silent)
        stop(ref)
        dispatch(ref, Shy())
        assert system.dead_letters == 1


async def test_another_thread_is_told_how_to_dispatch() -> None:
    """Without the error an idle event loop handles the message at its next timer, perhaps never."""
    async with start() as system:
        actor: ActorRef[str] = spawn(system, echo)
        with ThreadPoolExecutor(1) as threads, pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            threads.submit(dispatch, actor, "lost").result()

        assert await query(actor, "heard", 5) == "heard"
