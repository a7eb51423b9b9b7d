"""J: what every journal does."""

from __future__ import annotations

from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

MEGABYTE = 1_000_000


class JournalLaws:
    """Events go in, and come back in order: all of them, or the window that was asked for."""

    @law("J-01", guarantee=9)
    async def test_an_event_comes_back_as_it_was_persisted(self, trial: Trial) -> None:
        """Every field of an event comes back: key, number, data, tags, time and id. An application relies on each."""
        key = trial.key()
        stored = event(key, 1, {"name": "Ada", "born": 1815}, tags=["b", "a"], created_at=1_234_567_890_123)
        await trial.client.persist(stored)
        await trial.expect_journal(key, [stored], "events(key) yields the event as it was persisted")

    @law("J-02", guarantee=2)
    async def test_a_key_that_was_never_written_has_no_events(self, trial: Trial) -> None:
        """Recovery of a new actor finds nothing, and no error."""
        await trial.expect_journal(trial.key(), [], "a key that was never written has no events")

    @law("J-03", guarantee=2)
    async def test_events_come_back_in_sequence_order(self, trial: Trial) -> None:
        """Events come back by number, past the ninth too: text order (1, 10, 11, 2) would shuffle an actor's past."""
        key = trial.key()
        stored = await trial.fill(key, 12)
        await trial.expect_journal(key, stored, "events(key) yields 1 to 12, in order")

    @law("J-04", guarantee=2)
    async def test_a_long_journal_comes_back_whole(self, trial: Trial) -> None:
        """Thousands of events come back in order, none missing, none twice: pages must join without seams."""
        key = trial.key()
        count = 10_000 if trial.offers(Need.BATCHES) else 2_500
        await trial.fill(key, count)
        numbers = await trial.client.numbers(key)
        trial.expect_numbers(numbers, range(1, count + 1), f"events(key) yields 1 to {count}, in order")

    @law("J-05", guarantee=2)
    async def test_a_window_begins_after_its_bound(self, trial: Trial) -> None:
        """`after` is the last number already known: it isn't repeated, and its successor isn't left out."""
        key = trial.key()
        stored = await trial.fill(key, 6)
        for after in range(7):
            found = await trial.client.events(key, after=after)
            trial.expect_events(found, stored[after:], f"after={after} yields {after + 1} to 6")

    @law("J-06", guarantee=2)
    async def test_nothing_comes_after_the_last_event(self, trial: Trial) -> None:
        """A reader that is up to date, or ahead, gets nothing and no error."""
        key = trial.key()
        await trial.fill(key, 3)
        for after in (3, 4, 1000, 2**31, 2**53, 2**63 - 1):
            trial.expect(await trial.client.numbers(key, after=after), [], f"nothing comes after {after}")

    @law("J-07", guarantee=2)
    async def test_a_limit_of_zero_yields_nothing(self, trial: Trial) -> None:
        """A limit of 0 is a limit: many databases take it for 'no limit'."""
        key = trial.key()
        await trial.fill(key, 3)
        trial.expect(await trial.client.numbers(key, limit=0), [], "limit=0 yields nothing")

    @law("J-08", guarantee=2)
    async def test_a_limit_of_one_yields_the_first_of_the_window(self, trial: Trial) -> None:
        """A limit takes from the window's beginning, not from its end."""
        key = trial.key()
        await trial.fill(key, 4)
        found = [await trial.client.numbers(key, after=after, limit=1) for after in range(5)]
        trial.expect(found, [[1], [2], [3], [4], []], "limit=1 yields the first event after `after`")

    @law("J-09", guarantee=2)
    async def test_windows_of_any_size_join_to_the_journal(self, trial: Trial) -> None:
        """Reading in windows, each after the last, gives the whole journal. A limit beyond its end is no error."""
        key = trial.key()
        await trial.fill(key, 11)
        for size in (1, 2, 3, 5, 10, 11, 12, 1_000_000):
            joined: list[int] = []
            while window := await trial.client.numbers(key, after=joined[-1] if joined else 0, limit=size):
                joined += window
                trial.expect_at_most(len(window), size, f"limit={size} yields at most {size} events")
            trial.expect(joined, list(range(1, 12)), f"windows of {size} join to 1 to 11")

    @law("J-10", guarantee=9)
    async def test_a_window_that_cannot_be_is_refused(self, trial: Trial) -> None:
        """A negative `after`, a limit that isn't an int: refused with TypeError or ValueError, not guessed at."""
        key = trial.key()
        await trial.fill(key, 2)
        wrong: list[dict[str, object]] = [{"after": -1}, {"after": "1"}, {"after": 1.5}, {"limit": -1}, {"limit": "1"}]
        for window in wrong:
            call = trial.client.events(key, **window)  # type: ignore[arg-type]
            await trial.refused((TypeError, ValueError), call, f"events refuses {window}")

    @law("J-11", guarantee=2)
    async def test_a_client_reads_what_it_wrote(self, trial: Trial) -> None:
        """After each persist the journal ends with that event: no cache, no replica that lags behind."""
        key = trial.key()
        for number in range(1, 11):
            await trial.client.persist(event(key, number))
            found = await trial.client.numbers(key)
            trial.expect(found, list(range(1, number + 1)), f"after persist of {number} returned, it is read")

    @law("J-12", Need.SECOND_CLIENT, guarantee=1)
    async def test_another_client_reads_what_was_acknowledged(self, trial: Trial) -> None:
        """An acknowledged event is in the storage: a second client reads it at once."""
        key, other = trial.key(), await trial.another_client()
        for number in range(1, 11):
            stored = event(key, number)
            await trial.client.persist(stored)
            found = await other.events(key, after=number - 1)
            trial.expect_events(found, [stored], f"when persist of {number} returned, another client reads it")

    @law("J-13", Need.SECOND_CLIENT, guarantee=1)
    async def test_what_was_acknowledged_outlives_its_client(self, trial: Trial) -> None:
        """A client that is closed leaves everything that it acknowledged."""
        key = trial.key()
        stored = await trial.fill(key, 15)
        await trial.client.aclose()
        after_it = await trial.another_client()
        await trial.expect_journal(key, stored, "all fifteen events outlive their client", client=after_it)

    @law("J-14", guarantee=9)
    async def test_a_large_event_comes_back_whole(self, trial: Trial) -> None:
        """A megabyte of data is neither cut off nor lost; ordinary events around it aren't disturbed."""
        key = trial.key()
        sizes = (1, 70_000, MEGABYTE, 1)
        stored = [event(key, number, "é" * size) for number, size in enumerate(sizes, 1)]
        for each in stored:
            await trial.client.persist(each)
        await trial.expect_journal(key, stored, "events of up to 1 MB come back whole")

    @law("J-15", guarantee=8)
    async def test_a_replay_stays_honest_while_events_are_added(self, trial: Trial) -> None:
        """Events persisted during a replay are seen or not, but what is seen has no gap and nothing twice."""
        key = trial.key()
        await trial.fill(key, 5)
        replay, seen = await trial.client.replay(key), []
        next_number = 6
        while (found := await trial.client.next(replay)) is not None:
            seen.append(found.sequence_number)
            if next_number <= 10:
                await trial.client.persist(event(key, next_number))
                next_number += 1
        trial.expect(seen, list(range(1, len(seen) + 1)), "a replay yields 1, 2, 3 ... without gap or repetition")
        trial.expect(seen[:5], [1, 2, 3, 4, 5], "a replay yields at least what was there when it began")

    @law("J-16", guarantee=8)
    async def test_replays_at_once_do_not_disturb_each_other(self, trial: Trial) -> None:
        """Two replays of one key, read in turns, yield the whole journal each: a position belongs to one replay."""
        key = trial.key()
        await trial.fill(key, 8)
        replays = [await trial.client.replay(key) for _ in range(3)]
        seen: list[list[int]] = [[] for _ in replays]
        for _ in range(8):
            for replay, numbers in zip(replays, seen, strict=True):
                found = await trial.client.next(replay)
                numbers.append(found.sequence_number if found else 0)
        trial.expect(seen, [list(range(1, 9))] * 3, "each of three replays yields 1 to 8")

    @law("J-17", guarantee=8)
    async def test_nothing_is_held_while_the_consumer_of_a_replay_works(self, trial: Trial) -> None:
        """A replay holds no connection, lock or transaction between items: fifty that pause don't stop a write."""
        key = trial.key()
        await trial.fill(key, 3)
        for _ in range(50):
            await trial.client.next(await trial.client.replay(key))
        await trial.client.persist(event(key, 4))
        trial.expect(await trial.client.numbers(key, after=3), [4], "while replays pause, persist works")

    @law("J-18", Need.SECOND_CLIENT, guarantee=8)
    async def test_a_paused_replay_does_not_stop_another_client(self, trial: Trial) -> None:
        """A replay that pauses on one client holds nothing in the storage either: other clients write on."""
        key, other = trial.key(), await trial.another_client()
        await trial.fill(key, 3)
        replay = await trial.client.replay(key)
        await trial.client.next(replay)
        await other.persist(event(key, 4))
        rest = [each.sequence_number for each in await trial.client.rest(replay)]
        trial.expect_one_of(rest, ([2, 3], [2, 3, 4]), "the paused replay goes on with 2, 3, and perhaps 4")

    @law("J-19", guarantee=8)
    async def test_abandoned_replays_leave_nothing_behind(self, trial: Trial) -> None:
        """A consumer may break off at any item, or never begin; the engine stays as good as new."""
        key = trial.key()
        await trial.fill(key, 3)
        for steps in (0, 1, 2, 3) * 10:
            replay = await trial.client.replay(key)
            for _ in range(steps):
                await trial.client.next(replay)
            await trial.client.break_off(replay)
        await trial.client.persist(event(key, 4))
        trial.expect(await trial.client.numbers(key), [1, 2, 3, 4], "after forty abandoned replays, all works")

    @law("J-20", guarantee=2)
    async def test_a_window_beyond_64_bits_means_what_it_says(self, trial: Trial) -> None:
        """Nothing comes after 2**64, and a limit of 2**64 is no limit. Neither is an error of the driver."""
        key = trial.key()
        await trial.fill(key, 3)
        for bound in (2**63, 2**64, 10**30):
            trial.expect(await trial.client.numbers(key, after=bound), [], f"nothing comes after {bound}")
            found = await trial.client.numbers(key, limit=bound)
            trial.expect(found, [1, 2, 3], f"limit={bound} yields all there is")
