"""P: many processes, and their sudden end."""

from __future__ import annotations

import random
from typing import Any

from nact.errors import SequenceConflictError
from nact_conformance._faults.worker import filler
from nact_conformance._faults.worker_process import WorkerProcess
from nact_conformance._trying.history import BrokenLawError
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

SIZE = 3_000
LARGE = 400_000


class ProcessLaws:
    """Acknowledged writes survive SIGKILL of their process, and races between processes don't spoil them."""

    @law("P-01", Need.OTHER_PROCESSES, guarantee=1)
    async def test_another_process_reads_what_was_acknowledged(self, trial: Trial) -> None:
        """Nothing that matters is in this process only: another one reads each event at once, and continues."""
        key = trial.key()
        await trial.fill(key, 5)
        worker = await trial.process()
        worker.order("read", key=key)
        trial.expect((await worker.answer()).get("numbers"), [1, 2, 3, 4, 5], "another process reads the five events")
        worker.order("append", key=key, count=2)
        acked = [number for answer in await worker.acked(2) for number in answer["acked"]]
        trial.expect(acked, [6, 7], "another process continues the journal")
        trial.expect(await trial.client.numbers(key), list(range(1, 8)), "this process reads what the other added")

    @law("P-02", Need.OTHER_PROCESSES, guarantee=1)
    async def test_acknowledged_events_survive_the_kill_of_their_writer(self, trial: Trial) -> None:
        """SIGKILL at a random moment: every acknowledged event is there, none torn, and the journal goes on."""
        key = trial.key()
        acknowledged = 0
        for _ in range(trial.settings.rounds):
            answers = await _killed_while(trial, random.randint(1, 40), "append", key=key, size=SIZE)  # noqa: S311
            acknowledged = answers[-1]["acked"][-1]
            count = await _expect_whole(trial, key, acknowledged, in_flight=1)
            try:
                await trial.client.persist(event(key, count + 1, filler(key, count + 1, SIZE)))
            except SequenceConflictError:
                # What the process had sent before it died may have arrived after it was looked for.
                arrived = await _expect_whole(trial, key, acknowledged, in_flight=1)
                trial.expect(arrived, count + 1, "the one event that was in flight stands in the way")
                await trial.client.persist(event(key, count + 2, filler(key, count + 2, SIZE)))

    @law("P-03", Need.OTHER_PROCESSES, Need.BATCHES, guarantee=5)
    async def test_batches_survive_the_kill_of_their_writer_whole(self, trial: Trial) -> None:
        """SIGKILL in the middle of a batch leaves the whole of it or nothing."""
        size = 30
        for turn in range(trial.settings.rounds + 1):
            key = trial.key()
            batches = {"key": key, "size": SIZE, "batch": size}
            if turn:
                answers = await _killed_while(trial, random.randint(1, 12), "append", **batches)  # noqa: S311
            else:
                answers = await _died_within_a_call(trial, **batches)
            count = await _expect_whole(trial, key, answers[-1]["acked"][-1], in_flight=size)
            trial.expect(count % size, 0, f"the journal holds whole batches of {size} (it holds {count} events)")

    @law("P-04", Need.OTHER_PROCESSES, Need.SNAPSHOTS, guarantee=1)
    async def test_acknowledged_snapshots_survive_the_kill_of_their_writer(self, trial: Trial) -> None:
        """The latest snapshot is the last one acknowledged, or the one that was being taken; and it is whole."""
        for _ in range(max(1, trial.settings.rounds // 2)):
            key = trial.key()
            answers = await _killed_while(trial, random.randint(1, 25), "snapshots", key=key, size=SIZE)  # noqa: S311
            acknowledged = answers[-1]["acked"][-1]
            found = await trial.client.latest_snapshot(key)
            number = found.sequence_number if found else None
            promise = f"the latest snapshot is that of {acknowledged}, which was acknowledged, or the next"
            trial.expect_one_of(number, (acknowledged, acknowledged + 1), promise)
            if found is not None:
                data = filler(key, found.sequence_number, SIZE)
                trial.expect(found.data, data, "the snapshot is whole")

    @law("P-05", Need.OTHER_PROCESSES, Need.DELETION, guarantee=10)
    async def test_acknowledged_deletions_survive_the_kill_of_their_process(self, trial: Trial) -> None:
        """Deleted events stay deleted, a tombstone stands in their place, and nothing else is missing."""
        for _ in range(max(1, trial.settings.rounds // 2)):
            key = trial.key()
            await trial.fill(key, 60)
            answers = await _killed_while(trial, random.randint(1, 40), "delete", key=key)  # noqa: S311
            acknowledged = min(answers[-1]["acked"][-1], 60)
            events = await trial.client.events(key)
            first = events[0].sequence_number if events else None
            promise = "a tombstone at the last number whose deletion was acknowledged, or at the next"
            trial.expect_one_of(first, (acknowledged, min(60, acknowledged + 1)), promise)
            numbers = [each.sequence_number for each in events]
            trial.expect(numbers, list(range(numbers[0], 61)), "after the tombstone nothing is missing")
            dead = [each.sequence_number for each in events if each.is_deleted]
            trial.expect(dead, numbers[:1], "one tombstone, at the last number deleted")

    @law("P-06", Need.OTHER_PROCESSES, guarantee=3)
    async def test_of_processes_that_race_for_a_number_one_wins(self, trial: Trial) -> None:
        """Processes share no lock but the storage's: one is acknowledged, the others get a conflict."""
        workers = [await trial.process() for _ in range(3)]
        for _ in range(5 * trial.settings.rounds):
            key = trial.key()
            rivals = [event(key, 1, worker.name) for worker in workers]
            for worker, rival in zip(workers, rivals, strict=True):
                worker.order_persist(rival)
            answers = [await worker.answer() for worker in workers]
            won = [rival for rival, answer in zip(rivals, answers, strict=True) if "done" in answer]
            trial.expect(len(won), 1, "of three processes that race for number 1, one is acknowledged")
            lost = [answer.get("error") for answer in answers if "done" not in answer]
            trial.expect(lost, ["SequenceConflictError"] * 2, "the processes that lost got SequenceConflictError")
            await trial.expect_journal(key, won, "the journal holds the event that was acknowledged")

    @law("P-07", Need.OTHER_PROCESSES, guarantee=3)
    async def test_processes_that_share_a_journal_lose_nothing(self, trial: Trial) -> None:
        """Each appends, and reads again after a conflict: the journal is dense and holds every acknowledged event."""
        key, count = trial.key(), 10 * trial.settings.rounds
        workers = [await trial.process() for _ in range(3)]
        for worker in workers:
            worker.order("append", key=key, count=count)
        acked: dict[int, str] = {}
        for worker in workers:
            for answer in await worker.acked(count):
                acked.update(zip(answer["acked"], answer["ids"], strict=True))
        found = await trial.client.events(key)
        numbers = [each.sequence_number for each in found]
        trial.expect_numbers(numbers, range(1, 3 * count + 1), "the shared journal is dense")
        trial.expect(
            [each.event_id for each in found],
            [acked.get(number) for number in numbers],
            "each event is the one acknowledged",
        )

    @law("P-08", Need.OTHER_PROCESSES, guarantee=12)
    async def test_ten_processes_that_start_at_once_all_open(self, trial: Trial) -> None:
        """A cluster rolls out at once, on a storage that may be new: each finds or makes what it needs."""
        workers = [await trial.process(wait=False) for _ in range(10)]
        for worker in workers:
            await worker.ready()
        for place, worker in enumerate(workers):
            worker.order("append", key=f"{trial.key()}-{place}", count=1)
        for worker in workers:
            await worker.acknowledgement()

    @law("P-09", Need.OTHER_PROCESSES, guarantee=4)
    async def test_an_event_of_a_killed_process_can_be_persisted_again(self, trial: Trial) -> None:
        """The writer died, and its event may be stored or not: the same event again settles it."""
        for turn in range(trial.settings.rounds):
            key = trial.key()
            stored = event(key, 1, "from a process that dies")
            worker = await trial.process()
            worker.order_persist(stored)
            if turn % 2:
                await worker.answer()
            await worker.kill()
            await trial.client.persist(stored)
            await trial.expect_journal(key, [stored], "the same event again is stored, once")

    @law("P-10", Need.OTHER_PROCESSES, guarantee=6)
    async def test_a_killed_process_does_not_block_the_others(self, trial: Trial) -> None:
        """A lock that a process held dies with it: other processes, and other keys, go on."""
        await _died_within_a_call(trial, key=trial.key(), size=SIZE)
        await trial.client.persist(event(trial.key(), 1))
        workers: list[WorkerProcess] = []
        for turn in range(trial.settings.rounds + 2):
            if turn < trial.settings.rounds:
                workers.append(await trial.process())
                workers[-1].order("append", key=trial.key(), size=SIZE)
            for worker in workers:
                await worker.acked(5)
            if turn >= 1 and workers:
                await workers.pop(0).kill_at_work()
                await trial.client.persist(event(trial.key(), 1))

    @law("P-11", Need.OTHER_PROCESSES, guarantee=8)
    async def test_a_reader_meets_no_event_that_another_process_is_still_writing(self, trial: Trial) -> None:
        """One appends large events, another reads them as soon as it can: each is whole, or not yet there."""
        key, count = trial.key(), 10 * trial.settings.rounds
        writer, reader = await trial.process(), await trial.process()
        reader.order("follow", key=key, count=count, size=LARGE)
        writer.order("append", key=key, count=count, size=LARGE)
        await writer.acked(count)
        answer = await reader.answer()
        trial.expect(answer.get("error"), None, "a reader meets no event that isn't whole")
        trial.expect_numbers(
            answer["numbers"], range(1, count + 1), "a journal that grows is dense whenever it is read"
        )
        trial.expect(answer["torn"], [], "each event is whole whenever it is read")


async def _killed_while(trial: Trial, count: int, do: str, **what: object) -> list[dict[str, Any]]:
    """The acknowledgements of a process that was killed after at least `count` of them."""
    worker: WorkerProcess = await trial.process()
    worker.order(do, **what)
    heard = await worker.acked(count)
    return heard + await worker.kill_at_work()


async def _died_within_a_call(trial: Trial, **what: object) -> list[dict[str, Any]]:
    """The acknowledgements of a process that killed itself in the middle of a call, with no other at work."""
    worker = await trial.process()
    worker.order("append", dies_in=4, **what)
    return await worker.death()


async def _expect_whole(trial: Trial, key: str, acknowledged: int, in_flight: int) -> int:
    """The number of events in the journal: all that were acknowledged, none torn, none that was never sent."""
    events = await trial.client.events(key)
    numbers = [each.sequence_number for each in events]
    trial.expect_numbers(numbers, range(1, len(events) + 1), "the journal is dense")
    if not acknowledged <= len(events) <= acknowledged + in_flight:
        happened = f"{acknowledged} were acknowledged, {len(events)} are there"
        raise BrokenLawError("every acknowledged event survives, and nothing is invented", happened)
    torn = [each.sequence_number for each in events if each.data != filler(key, each.sequence_number, SIZE)]
    trial.expect(torn, [], "no event is torn")
    return len(events)
