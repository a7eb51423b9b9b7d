"""R: random histories, checked step by step against the reference."""

from __future__ import annotations

import asyncio
import random

from nact.errors import SequenceConflictError
from nact.persistence import PersistedEvent
from nact_conformance._trying.client import Client
from nact_conformance._trying.generated import for_all
from nact_conformance._trying.model import CLIENTS, Comparison, Step, histories
from nact_conformance._trying.needs import ABILITIES, Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class RandomHistoryLaws:
    """Whatever is done, in whatever order, by whichever client: the engine answers as the reference does."""

    @law("R-01", Need.SECOND_CLIENT, guarantee=2)
    async def test_any_history_of_events_is_that_of_the_reference(self, trial: Trial) -> None:
        """Several clients persist, retry, conflict and read, at random; the smallest history that differs is shown."""
        await _compare(trial, set())

    @law("R-02", Need.SECOND_CLIENT, guarantee=10)
    async def test_any_history_of_all_abilities_is_that_of_the_reference(self, trial: Trial) -> None:
        """Batches, deletion, snapshots, tags and listings too, as far as the engine offers them."""
        await _compare(trial, {need for need in ABILITIES if trial.offers(need)})

    @law("R-03", Need.SECOND_CLIENT, guarantee=3)
    async def test_clients_that_work_at_once_lose_and_invent_nothing(self, trial: Trial) -> None:
        """Clients write to the same few keys at random, at once: the journals hold what was acknowledged, densely."""
        clients = [trial.client, *[await trial.another_client() for _ in range(CLIENTS - 1)]]
        keys = [trial.key() for _ in range(4)]
        acknowledged: list[PersistedEvent] = []
        workers = [_work(client, keys, acknowledged, 12 * trial.settings.rounds) for client in clients * 2]
        await trial.at_once(workers)
        for key in keys:
            wanted = sorted((each for each in acknowledged if each.key == key), key=lambda each: each.sequence_number)
            await trial.expect_journal(key, wanted, "the journal holds exactly the events that were acknowledged")


async def _compare(trial: Trial, offered: set[Need]) -> None:
    clients = [trial.client, *[await trial.another_client() for _ in range(CLIENTS - 1)]]

    async def check(steps: list[Step]) -> None:
        await Comparison(trial, clients, offered).run(steps)

    await for_all(trial, histories(offered), check, 25 * trial.settings.rounds)


async def _work(client: Client, keys: list[str], acknowledged: list[PersistedEvent], count: int) -> None:
    chance = random.Random()  # noqa: S311 (nothing is secret)
    for _ in range(count):
        key = chance.choice(keys)
        numbers = await client.numbers(key)
        mine = event(key, len(numbers) + 1, chance.random())
        for _ in range(chance.randint(0, 2)):
            await asyncio.sleep(0)
        try:
            await client.persist(mine)
        except SequenceConflictError:
            continue
        acknowledged.append(mine)
