"""The deadlines of a system: never early, late by a tick at most, and called off without a trace."""

import asyncio

import pytest

from nact._runtime.timers import FIRST_BUCKETS, LONGEST, TICKS_PER_SECOND, Timers

pytestmark = [pytest.mark.anyio, pytest.mark.clockwork]


class Alarm:
    """Something with a deadline."""

    def __init__(self) -> None:
        self.rang: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def expire(self) -> None:
        self.rang.set_result(asyncio.get_running_loop().time())


@pytest.mark.parametrize("delay", [0.001, 0.01, 0.0149, 1, 59.999, 86400 * 30])
async def test_a_deadline_comes_never_early_and_a_tick_late_at_most(delay: float) -> None:
    timers, alarm = Timers(asyncio.get_running_loop()), Alarm()
    timers.add(delay, alarm)
    assert delay <= await alarm.rang <= delay + 1 / TICKS_PER_SECOND + 1e-6


async def test_deadlines_come_in_order_whatever_the_order_in_which_they_were_added() -> None:
    timers = Timers(asyncio.get_running_loop())
    alarms = {delay: Alarm() for delay in (5, 1, 3, 1.5, 4)}
    for delay, alarm in alarms.items():
        timers.add(delay, alarm)
    times = {delay: await alarm.rang for delay, alarm in alarms.items()}
    assert sorted(times, key=times.__getitem__) == [1, 1.5, 3, 4, 5]


async def test_deadlines_of_one_tick_come_together() -> None:
    timers = Timers(asyncio.get_running_loop())
    alarms = [Alarm() for _ in range(100)]
    for alarm in alarms:
        timers.add(1, alarm)
    assert len({await alarm.rang for alarm in alarms}) == 1


async def test_a_deadline_that_is_called_off_does_not_come() -> None:
    timers, alarm, other = Timers(asyncio.get_running_loop()), Alarm(), Alarm()
    timers.add(1, alarm).discard(alarm)
    timers.add(2, other)
    await other.rang
    assert not alarm.rang.done()


async def test_a_deadline_can_be_added_when_another_one_comes() -> None:
    timers, last = Timers(asyncio.get_running_loop()), Alarm()

    class Again:
        def expire(self) -> None:
            timers.add(1, last)

    timers.add(1, Again())
    assert await last.rang == pytest.approx(2, abs=0.03)


async def test_no_deadline_comes_after_closing() -> None:
    timers, alarm = Timers(asyncio.get_running_loop()), Alarm()
    timers.add(1, alarm)
    timers.close()
    await asyncio.sleep(2)
    assert not alarm.rang.done()


async def test_a_system_without_deadlines_has_none_to_close() -> None:
    Timers(asyncio.get_running_loop()).close()


async def test_a_deadline_can_close_the_timers() -> None:
    timers, alarm = Timers(asyncio.get_running_loop()), Alarm()

    class Closing:
        def expire(self) -> None:
            timers.close()

    timers.add(1, Closing())
    timers.add(2, alarm)
    await asyncio.sleep(3)
    assert not alarm.rang.done()


async def test_for_ever_is_a_deadline_too() -> None:
    timers = Timers(asyncio.get_running_loop())
    timers.add(float("inf"), alarm := Alarm())
    assert await alarm.rang == pytest.approx(LONGEST)


async def test_deadlines_far_away_that_were_called_off_leave_nothing_behind() -> None:
    timers, kept = Timers(asyncio.get_running_loop()), Alarm()
    timers.add(86400, kept)
    for second in range(10 * FIRST_BUCKETS):
        alarm = Alarm()
        timers.add(7200 + second, alarm).discard(alarm)
    assert len(timers._buckets) <= FIRST_BUCKETS
    assert len(timers._ticks) == len(timers._buckets)
    assert await kept.rang == pytest.approx(86400, abs=0.02)


async def test_many_deadlines_that_stay_are_all_kept() -> None:
    timers = Timers(asyncio.get_running_loop())
    alarms = [Alarm() for _ in range(3 * FIRST_BUCKETS)]
    for second, alarm in enumerate(alarms, 1):
        timers.add(second, alarm)
    assert [round(await alarm.rang) for alarm in alarms] == list(range(1, len(alarms) + 1))
