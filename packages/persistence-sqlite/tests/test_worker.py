from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable

import anyio
import pytest

from nact_persistence_sqlite._worker import Worker

pytestmark = pytest.mark.anyio


async def test_calls_run_in_order_on_one_thread_of_its_own() -> None:
    worker = Worker("test")
    ran: list[int] = []
    await asyncio.gather(*(worker.call(ran.append, number) for number in range(100)))
    assert ran == list(range(100))
    threads = {await worker.call(threading.get_ident) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    await worker.aclose(lambda: None)


async def test_an_error_is_raised_where_the_call_was_made() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        await worker.call(lambda: 1 // 0)
    assert await worker.call(lambda: 1) == 1
    await worker.aclose(lambda: None)


async def test_a_cancelled_call_still_runs() -> None:
    worker = Worker("test")
    may_go = threading.Event()
    ran: list[str] = []
    first = worker.call(may_go.wait)
    second = worker.call(ran.append, "second")
    second.cancel()
    may_go.set()
    await first
    await worker.aclose(lambda: None)
    assert ran == ["second"]


async def test_the_loop_is_woken_once_for_all_that_it_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, loop, all_ran, woken = Worker("test"), asyncio.get_running_loop(), threading.Event(), 0
    wake = loop.call_soon_threadsafe

    def count(callback: Callable[..., object]) -> None:
        nonlocal woken
        woken += 1
        wake(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    calls: list[asyncio.Future[None]] = [worker.call(lambda: None) for _ in range(100)]
    calls.append(worker.call(all_ran.set))
    all_ran.wait()  # the loop sees nothing meanwhile
    await asyncio.gather(*calls)
    assert woken <= 2  # the last result may come when the loop has seen the others
    await worker.aclose(lambda: None)


def test_a_loop_that_is_closed_meanwhile_does_not_end_the_thread() -> None:
    worker = Worker("test")
    may_go = threading.Event()

    async def leave() -> None:
        left.append(worker.call(may_go.wait))

    left: list[asyncio.Future[bool]] = []
    asyncio.run(leave())
    may_go.set()

    async def come_back() -> int:
        number = await worker.call(lambda: 1)
        await worker.aclose(lambda: None)
        return number

    assert asyncio.run(come_back()) == 1


async def test_nothing_is_kept_between_calls() -> None:
    class Thing:
        pass

    worker = Worker("test")
    thing = Thing()
    trace = weakref.ref(thing)
    await worker.call(id, thing)
    del thing
    with anyio.fail_after(30):
        while trace() is not None:  # noqa: ASYNC110 - the thread has no reason to tell us
            await asyncio.sleep(0)
    await worker.aclose(lambda: None)


async def test_closing_makes_the_last_call_after_the_others() -> None:
    worker = Worker("test")
    ran: list[str] = []
    call = worker.call(ran.append, "call")
    await worker.aclose(lambda: ran.append("last"))
    await call
    assert ran == ["call", "last"]


async def test_closing_a_worker_that_never_worked_does_nothing() -> None:
    before = threading.active_count()
    await Worker("test").aclose(lambda: pytest.fail("it was called"))
    assert threading.active_count() == before


def test_closing_begins_again_if_its_loop_has_ended() -> None:
    worker, may_go, ran = Worker("test"), threading.Event(), list[str]()

    async def leave() -> None:
        calls.append(worker.call(may_go.wait))
        closing.append(asyncio.ensure_future(worker.aclose(lambda: ran.append("first"))))
        await asyncio.sleep(0)

    calls: list[asyncio.Future[bool]] = []
    closing: list[asyncio.Future[None]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    may_go.set()
    asyncio.run(worker.aclose(lambda: ran.append("second")))
    assert (ran[-1], worker.is_running) == ("second", False)
    closing[0].cancel()
    loop.run_until_complete(asyncio.wait(asyncio.all_tasks(loop)))
    loop.close()
