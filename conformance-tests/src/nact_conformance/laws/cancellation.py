"""X: cancellation is clean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from nact.errors import NactError
from nact.persistence import AtomicBatches, PersistedEvent, PersistedSnapshot, SnapshotStore
from nact_conformance._trying.cancelling import Interruption, Moment, interrupt
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

MOST_POINTS = 60
"""The number of await points of a call at which it is tried, at most."""

READERS = 12
"""The number of keys that are read at once."""

MOST_PASSES = 12
"""Reads are cancelled after 0 to this many passes of the event loop."""

Begin = Callable[[], Coroutine[Any, Any, object]]


class CancellationLaws:
    """A cancelled call happened or didn't; the engine stays usable, nothing leaks, and the next call tells."""

    @law("X-01", guarantee=7)
    async def test_persist_cancelled_at_any_point_is_stored_or_not(self, trial: Trial) -> None:
        """Cancelled while it waits, at each await point in turn; then the journal tells, and the event can follow."""
        await _cancel_persist_everywhere(trial, Moment.WHILE_IT_WAITS)

    @law("X-02", guarantee=7)
    async def test_persist_cancelled_as_a_wait_ends_is_stored_or_not(self, trial: Trial) -> None:
        """Cancelled in the very moment in which what it waits for is there: where connections get lost."""
        await _cancel_persist_everywhere(trial, Moment.AS_THE_WAIT_ENDS)

    @law("X-03", Need.SECOND_CLIENT, guarantee=7)
    async def test_a_first_use_cancelled_at_any_point_leaves_the_engine_usable(self, trial: Trial) -> None:
        """An engine whose opening was cancelled opens at the next call; it isn't half open for ever."""
        for moment in Moment:
            for point in range(1, MOST_POINTS):
                client, key = await trial.another_client(), trial.key()
                first = event(key, 1)
                ended = await _interrupted(trial, client, lambda: client.engine.persist(first), point, moment)  # noqa: B023
                await client.persist(first)
                await trial.expect_journal(
                    key, [first], f"opening cancelled at await point {point}: usable", client=client
                )
                await client.release()
                if not ended.reached:
                    break

    @law("X-04", guarantee=7)
    async def test_a_cancelled_persist_raises_cancelled_error(self, trial: Trial) -> None:
        """The caller's cancellation arrives: it isn't swallowed, and doesn't become another error."""
        key, number = trial.key(), 0
        await trial.fill(trial.key(), 1)
        for point in range(1, MOST_POINTS):
            each = event(key, number + 1)
            call = trial.client.engine.persist(each)
            ended = await _interrupted(trial, trial.client, lambda: call, point, Moment.WHILE_IT_WAITS)  # noqa: B023
            if not ended.reached:
                break
            happened = f"cancelled at await point {point}, it returned or raised {ended.error!r}"
            if not ended.cancelled:
                raise BrokenLawError("persist that is cancelled while it waits raises CancelledError", happened)
            number = len(await trial.client.numbers(key))

    @law("X-05", guarantee=7)
    async def test_cancelled_calls_leak_nothing(self, trial: Trial) -> None:
        """After a hundred and fifty cancelled writes, more than any pool is large, the engine works as before."""
        key = trial.key()
        await trial.fill(key, 1)
        points = (1, 2, 3, 4, 5)
        for turn in range(150):
            moment = list(Moment)[turn % 2]
            begin = lambda: trial.client.engine.persist(event(trial.key(), 1))  # noqa: E731
            await _interrupted(trial, trial.client, begin, points[turn % 5], moment)
        keys = [trial.key() for _ in range(40)]
        await trial.at_once(trial.client.persist(event(each, 1)) for each in keys)
        await trial.client.persist(event(key, 2))
        trial.expect(await trial.client.numbers(key), [1, 2], "after 150 cancelled writes, all works")

    @law("X-06", Need.BATCHES, guarantee=5)
    async def test_a_batch_cancelled_at_any_point_is_whole_or_not_there(self, trial: Trial) -> None:
        """Cancellation never leaves a part of a batch, and the same batch can be persisted again."""
        store = cast("AtomicBatches", trial.client.engine)
        await trial.fill(trial.key(), 1)
        for moment in Moment:
            for point in range(1, MOST_POINTS):
                key = trial.key()
                events = [event(key, number) for number in range(1, 8)]
                begin = lambda: store.persist_all(events)  # noqa: B023, E731
                ended = await _interrupted(trial, trial.client, begin, point, moment)
                numbers = await trial.client.numbers(key)
                whole = list(range(1, 8))
                trial.expect_one_of(numbers, ([], whole), "a cancelled batch is whole or not there")
                await trial.client.persist_all(events)
                await trial.expect_journal(key, events, "after a retry the batch is stored, once")
                if not ended.reached:
                    break

    @law("X-07", guarantee=6)
    async def test_cancelling_one_writer_does_not_fail_the_others(self, trial: Trial) -> None:
        """Writers whose events travel together don't share their cancellation."""
        await trial.fill(trial.key(), 1)
        for passes in range(6):
            keys = [trial.key() for _ in range(20)]
            writes = [asyncio.ensure_future(trial.client.persist(event(key, 1))) for key in keys]
            for _ in range(passes):
                await asyncio.sleep(0)
            for write in writes[::2]:
                write.cancel()
            await asyncio.wait(writes)
            for place in range(1, 20, 2):
                happened = "it was cancelled" if writes[place].cancelled() else writes[place].exception()
                trial.expect(happened, None, "a writer whose neighbour was cancelled is acknowledged")
                trial.expect(await trial.client.numbers(keys[place]), [1], "and its event is stored")
            for key in keys[::2]:
                await trial.client.persist(event(key, 1 + len(await trial.client.numbers(key))))

    @law("X-08", guarantee=8)
    async def test_a_cancelled_replay_releases_what_it_held(self, trial: Trial) -> None:
        """Readers that are cancelled in the middle, many of them, don't use up connections; others read on."""
        key = trial.key()
        stored = await trial.fill(key, 120)
        for turn in range(120):
            moment = list(Moment)[turn % 2]
            begin = lambda: _read(trial.client, key)  # noqa: E731
            ended = await _interrupted(trial, trial.client, begin, 1 + turn // 2 % 4, moment)
            trial.expect(ended.error, None, "a cancelled replay raises CancelledError, no other error")
        await trial.expect_journal(key, stored, "after 120 cancelled replays, a replay is whole")

    @law("X-09", Need.SNAPSHOTS, guarantee=7)
    async def test_a_cancelled_snapshot_is_taken_or_not(self, trial: Trial) -> None:
        """The latest snapshot is the old one or the new one, whole, and the next one can be taken."""
        store = cast("SnapshotStore", trial.client.engine)
        for moment in Moment:
            for point in range(1, MOST_POINTS):
                key = trial.key()
                old, new = (PersistedSnapshot(key=key, sequence_number=n, data=[n] * 500) for n in (1, 2))
                await trial.client.take_snapshot(old)
                begin = lambda: store.take_snapshot(new)  # noqa: B023, E731
                ended = await _interrupted(trial, trial.client, begin, point, moment)
                found = await trial.client.latest_snapshot(key)
                data = found.data if found else None
                trial.expect_one_of(data, (old.data, new.data), "after a cancelled snapshot, the old or the new one")
                await trial.client.take_snapshot(new)
                if not ended.reached:
                    break

    @law("X-10", guarantee=7)
    async def test_a_writer_that_gave_up_waiting_learns_the_truth(self, trial: Trial) -> None:
        """A time limit is a cancellation: then the event is there or not, and stays so; no ghost appears later."""
        for turn in range(10 * trial.settings.rounds):
            key = trial.key()
            slow = "gave up" + " " * (500_000 if turn % 2 else 0)
            write = asyncio.ensure_future(trial.client.persist(event(key, 1, slow)))
            for _ in range(turn % 12):
                await asyncio.sleep(0)
            write.cancel()
            await asyncio.wait([write])
            highest = len(await trial.client.numbers(key))
            mine = event(key, highest + 1, "knows")
            await trial.client.persist(mine)
            found = [each.data.rstrip() for each in await trial.client.events(key)]
            trial.expect(
                found, ["gave up"] * highest + ["knows"], "what a read showed after the cancellation stays true"
            )

    @law("X-11", Need.SNAPSHOTS, guarantee=7)
    async def test_a_cancelled_snapshot_never_undoes_a_newer_one(self, trial: Trial) -> None:
        """Its write may go on when its caller is gone; it must be over before what the same client does next."""
        for turn in range(8 * trial.settings.rounds):
            key, size = trial.key(), 300_000 if turn % 2 else 1
            old, new = (PersistedSnapshot(key=key, sequence_number=1, data=text * size) for text in ("old", "n"))
            write = asyncio.ensure_future(trial.client.take_snapshot(old))
            for _ in range(turn % 8):
                await asyncio.sleep(0)
            write.cancel()
            await trial.client.take_snapshot(new)
            await asyncio.wait([write])
            for _ in range(20):
                await asyncio.sleep(0)
            await trial.client.persist(event(key, 1))  # time for what is still on its way
            found = await trial.client.latest_snapshot(key)
            trial.expect_same(found and found.data, new.data, "of a cancelled snapshot and the next, the next stays")

    @law("X-12", guarantee=7)
    async def test_a_cancelled_read_leaves_other_reads_their_own_answers(self, trial: Trial) -> None:
        """Many keys are read at once, and some of the reads cancelled: the others tell of their own keys."""
        keys = [trial.key() for _ in range(READERS)]
        await trial.at_once(trial.client.persist(event(key, 1, key)) for key in keys)
        for passes in range(MOST_PASSES):
            reads = [asyncio.ensure_future(trial.client.events(key)) for key in keys]
            for _ in range(passes):
                await asyncio.sleep(0)
            for read in reads[passes % 3 :: 3]:
                read.cancel()
            found = await asyncio.gather(*reads, return_exceptions=True)
            told = [each if isinstance(each, BaseException) else [event.data for event in each] for each in found]
            for key, answer in zip(keys, told, strict=True):
                if not isinstance(answer, asyncio.CancelledError):
                    trial.expect(answer, [key], f"beside reads that were cancelled, the event of {key} is read")


async def _cancel_persist_everywhere(trial: Trial, moment: Moment) -> None:
    key = trial.key()
    stored = await trial.fill(key, 1)
    for point in range(1, MOST_POINTS):
        each = event(key, len(stored) + 1, f"cancelled at {point}")
        ended = await _interrupted(trial, trial.client, lambda: trial.client.engine.persist(each), point, moment)  # noqa: B023
        found = await trial.client.events(key)
        promise = f"cancelled {moment.value} at await point {point}: the event is stored whole, or isn't"
        trial.expect_events(found, [*stored, each][: max(len(found), len(stored))], promise)
        await trial.client.persist(each)
        stored.append(each)
        await trial.expect_journal(key, stored, "the same event again is stored, once")
        if not ended.reached:
            return


async def _interrupted(trial: Trial, client: Client, begin: Begin, point: int, moment: Moment) -> Interruption:
    """Cancels a call; what a call may not raise then is a broken law."""
    words = f"a call, cancelled {moment.value} at await point {point}"
    try:
        ended = await interrupt(begin(), point, moment, trial.settings.timeout)
    except TimeoutError as error:
        raise BrokenLawError(
            "a cancelled call ends", f"{words}: it didn't within {trial.settings.timeout:g} s"
        ) from error
    happened = "CancelledError" if ended.cancelled else "returned" if ended.error is None else repr(ended.error)
    trial.history.note(
        f"{client.name}: {words} -> {happened}" if ended.reached else f"{client.name}: a call has no point {point}"
    )
    if ended.error is not None and not isinstance(ended.error, NactError):
        raise BrokenLawError(
            "a cancelled call raises CancelledError or an error of nact", f"{words} raised {happened}"
        ) from ended.error
    return ended


async def _read(client: Client, key: str) -> list[PersistedEvent]:
    return [each async for each in client.engine.events(key)]
