"""H: the highest sequence number."""

from __future__ import annotations

from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class HighestNumberLaws:
    """`highest_sequence_number` tells how far a journal goes."""

    @law("H-01", Need.HIGHEST, guarantee=10)
    async def test_the_highest_number_is_that_of_the_last_event(self, trial: Trial) -> None:
        """It is 0 for a key that was never written, then that of the last event, past the ninth too."""
        key = trial.key()
        trial.expect(await trial.client.highest(key), 0, "the highest number of an unknown key is 0")
        for number in range(1, 13):
            await trial.client.persist(event(key, number))
            trial.expect(
                await trial.client.highest(key), number, f"after event {number}, the highest number is {number}"
            )

    @law("H-02", Need.HIGHEST, guarantee=10)
    async def test_what_was_refused_does_not_raise_the_highest_number(self, trial: Trial) -> None:
        """A number that was asked for and refused isn't invented."""
        key = trial.key()
        await trial.outcomes([trial.client.persist(event(key, 7))])
        trial.expect(await trial.client.highest(key), 0, "a refused event 7 of a new key doesn't count")
        await trial.fill(key, 2)
        await trial.outcomes([trial.client.persist(event(key, 9)), trial.client.persist(event(key, 3, float("nan")))])
        trial.expect(await trial.client.highest(key), 2, "refused events 9 and 3 don't count")

    @law("H-03", Need.HIGHEST, Need.DELETION, guarantee=10)
    async def test_the_highest_number_survives_deletion(self, trial: Trial) -> None:
        """A writer that asks for the next number must not be told one that was used before."""
        key = trial.key()
        await trial.fill(key, 4)
        for up_to in (2, 4, 100):
            await trial.client.delete_events(key, up_to=up_to)
            trial.expect(await trial.client.highest(key), 4, f"after deletion up to {up_to} of 4, the highest is 4")

    @law("H-04", Need.HIGHEST, Need.SECOND_CLIENT, guarantee=10)
    async def test_the_highest_number_is_the_same_for_every_client(self, trial: Trial) -> None:
        """It is read from the storage, not remembered."""
        key, other = trial.key(), await trial.another_client()
        for number in range(1, 6):
            writer = other if number % 2 else trial.client
            await writer.persist(event(key, number))
            found = [await client.highest(key) for client in (trial.client, other)]
            trial.expect(found, [number, number], f"after event {number}, both clients tell {number}")
