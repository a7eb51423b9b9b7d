"""C: a sequence number has one owner, and a retry is recognised."""

from __future__ import annotations

from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._trying.client import Client
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class ConflictLaws:
    """Only the next sequence number is accepted, from one writer, and again from that writer."""

    @law("C-01", guarantee=2)
    async def test_the_first_number_is_one(self, trial: Trial) -> None:
        """A journal can't begin at 2: its first event would be missing for ever."""
        key = trial.key()
        for number in (2, 3, 2**31, 2**63 - 1):
            call = trial.client.persist(event(key, number))
            await trial.refused(SequenceConflictError, call, f"event {number} of a new key is refused")
        await trial.expect_journal(key, [], "refused events aren't stored")
        await trial.client.persist(event(key, 1))

    @law("C-02", guarantee=2)
    async def test_a_taken_number_is_refused(self, trial: Trial) -> None:
        """History isn't overwritten: the event that was there first stays, whatever comes later."""
        key = trial.key()
        stored = await trial.fill(key, 3)
        for number in (3, 2, 1):
            call = trial.client.persist(event(key, number, "an impostor"))
            await trial.refused(SequenceConflictError, call, f"another event {number} is refused")
        await trial.expect_journal(key, stored, "the events that were there first are unchanged")

    @law("C-03", guarantee=2)
    async def test_a_gap_is_refused(self, trial: Trial) -> None:
        """A number beyond the next one would leave a hole that no replay can explain."""
        key = trial.key()
        stored = await trial.fill(key, 2)
        for number in (4, 5, 12, 2**53):
            call = trial.client.persist(event(key, number))
            await trial.refused(SequenceConflictError, call, f"event {number} is refused after 2 events")
        await trial.expect_journal(key, stored, "refused events aren't stored")

    @law("C-04", guarantee=2)
    async def test_a_conflict_says_what_was_attempted(self, trial: Trial) -> None:
        """The error carries the key, the number, and the highest number if it tells one: a caller decides by these."""
        key = trial.key()
        await trial.fill(key, 3)
        for number in (2, 7):
            call = trial.client.persist(event(key, number))
            error = await trial.refused(SequenceConflictError, call, f"event {number} is refused")
            trial.expect((error.key, error.attempted), (key, number), "the conflict carries key and number")
            trial.expect_one_of(error.highest, (None, 3), "its `highest` is that of the journal, or None")

    @law("C-05", guarantee=2)
    async def test_a_conflict_leaves_the_client_usable(self, trial: Trial) -> None:
        """After a conflict the same client goes on: no transaction stays broken, no number is lost."""
        key = trial.key()
        await trial.fill(key, 1)
        for number in range(2, 8):
            call = trial.client.persist(event(key, number + 1))
            await trial.refused(SequenceConflictError, call, f"event {number + 1} is refused")
            await trial.client.persist(event(key, number))
        trial.expect(await trial.client.numbers(key), list(range(1, 8)), "conflicts in between change nothing")

    @law("C-06", guarantee=4)
    async def test_the_same_event_again_succeeds_and_is_stored_once(self, trial: Trial) -> None:
        """A writer that didn't hear the answer persists again: it isn't told of a conflict with itself."""
        key = trial.key()
        stored = [event(key, number) for number in (1, 2, 3)]
        for each in stored:
            for _ in range(3):
                await trial.client.persist(each)
        await trial.expect_journal(key, stored, "events that were persisted three times are stored once")

    @law("C-07", guarantee=4)
    async def test_an_earlier_event_again_succeeds_and_changes_nothing(self, trial: Trial) -> None:
        """A retry may come late, when other events of the key are stored already."""
        key = trial.key()
        stored = await trial.fill(key, 30)
        for place in (0, 14, 28):
            await trial.client.persist(stored[place])
        await trial.expect_journal(key, stored, "late retries of 1, 15 and 29 change nothing")

    @law("C-08", Need.SECOND_CLIENT, guarantee=4)
    async def test_the_same_event_again_through_another_client_succeeds(self, trial: Trial) -> None:
        """After a reconnect the retry goes through another connection: what recognises it is in the storage."""
        key, other = trial.key(), await trial.another_client()
        stored = [event(key, number) for number in (1, 2, 3)]
        for each in stored:
            await trial.client.persist(each)
            await other.persist(each)
        await trial.expect_journal(key, stored, "events persisted again through another client are stored once")

    @law("C-09", guarantee=4)
    async def test_a_retry_is_recognised_by_its_id_and_by_nothing_else(self, trial: Trial) -> None:
        """Two writers may decide the same thing: equal data with another event_id is a conflict, not a retry."""
        key = trial.key()
        first = event(key, 1, {"same": True}, created_at=1_700_000_000_000)
        twin = event(key, 1, {"same": True}, created_at=1_700_000_000_000)
        await trial.client.persist(first)
        await trial.refused(
            SequenceConflictError, trial.client.persist(twin), "an equal event of another id is refused"
        )
        await trial.expect_journal(key, [first], "the first event is unchanged")

    @law("C-10", guarantee=3)
    async def test_of_tasks_that_race_for_a_number_one_wins(self, trial: Trial) -> None:
        """However many ask at once, one is acknowledged, the others get a conflict, and the journal is dense."""
        for _ in range(trial.settings.rounds):
            await _race(trial, trial.key(), [trial.client] * 30)

    @law("C-11", Need.SECOND_CLIENT, guarantee=3)
    async def test_of_clients_that_race_for_a_number_one_wins(self, trial: Trial) -> None:
        """Independent clients share nothing but the storage; its own unique key decides."""
        clients = [trial.client, *[await trial.another_client() for _ in range(4)]]
        for _ in range(trial.settings.rounds):
            await _race(trial, trial.key(), clients * 4)

    @law("C-12", Need.SECOND_CLIENT, guarantee=4)
    async def test_the_same_event_at_once_is_stored_once_and_acknowledged_to_all(self, trial: Trial) -> None:
        """A retry may overtake the call that it repeats: both are told that the event is stored."""
        clients = [trial.client, await trial.another_client()]
        key, stored = trial.key(), []
        for number in range(1, 4 * trial.settings.rounds):
            stored.append(event(key, number))
            await trial.at_once(client.persist(stored[-1]) for client in clients * 4)
        await trial.expect_journal(key, stored, "each event is stored once")

    @law("C-13", Need.SECOND_CLIENT, guarantee=3)
    async def test_clients_that_share_a_journal_lose_nothing(self, trial: Trial) -> None:
        """Four writers append to one key, each reading and trying again after a conflict: all events are there."""
        key, each = trial.key(), 4 * trial.settings.rounds
        clients = [trial.client, *[await trial.another_client() for _ in range(3)]]
        await trial.at_once(_append(client, key, place, each) for place, client in enumerate(clients))
        found = await trial.client.events(key)
        numbers = [found_event.sequence_number for found_event in found]
        trial.expect(numbers, list(range(1, 4 * each + 1)), "the shared journal is dense")
        wanted = sorted([place, n] for place in range(4) for n in range(each))
        trial.expect(
            sorted(found_event.data for found_event in found), wanted, "every acknowledged event is there, once"
        )

    @law("C-14", guarantee=10)
    async def test_a_tombstone_follows_no_record(self, trial: Trial) -> None:
        """A tombstone may begin the copy of a journal. After a record it would hide a gap: deletion alone makes it."""
        key = trial.key()
        await trial.fill(key, 1)
        dead = PersistedEvent(key=key, sequence_number=2, data=None, is_deleted=True)
        await trial.refused(SequenceConflictError, trial.client.persist(dead), "a tombstone is refused after an event")
        trial.expect(await trial.client.numbers(key), [1], "the refused tombstone isn't stored")

    @law("C-15", Need.SECOND_CLIENT, guarantee=3)
    async def test_a_client_that_fell_behind_is_refused(self, trial: Trial) -> None:
        """A writer that was away while another took over gets a conflict: what it remembers is not the truth."""
        key, other = trial.key(), await trial.another_client()
        mine = await trial.fill(key, 3)
        theirs = [event(key, number, "theirs") for number in (4, 5)]
        for each in theirs:
            await other.persist(each)
        call = trial.client.persist(event(key, 4, "mine"))
        await trial.refused(SequenceConflictError, call, "the client that fell behind is refused")
        await trial.client.persist(event(key, 6, "mine"))
        found = await trial.client.events(key, limit=5)
        trial.expect_events(found, [*mine, *theirs], "the other's events are unchanged")


async def _race(trial: Trial, key: str, clients: list[Client]) -> None:
    for number in (1, 2):
        rivals = [event(key, number, place) for place in range(len(clients))]
        calls = (client.persist(rival) for client, rival in zip(clients, rivals, strict=True))
        outcomes = await trial.outcomes(calls)
        won = [rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None]
        trial.expect(len(won), 1, f"of {len(clients)} that race for number {number}, one is acknowledged")
        lost = {type(outcome) for outcome in outcomes if outcome is not None}
        trial.expect(lost, {SequenceConflictError}, "those that lost got SequenceConflictError")
        found = await trial.client.events(key, after=number - 1)
        trial.expect_events(found, won, "the journal holds the event that was acknowledged")


async def _append(client: Client, key: str, place: int, count: int) -> None:
    highest = 0
    for n in range(count):
        mine = event(key, highest + 1, [place, n])
        while True:
            try:
                await client.persist(mine)
            except SequenceConflictError:
                highest = ([highest, *await client.numbers(key, after=highest)])[-1]
                mine = event(key, highest + 1, [place, n])
            else:
                highest = mine.sequence_number
                break
