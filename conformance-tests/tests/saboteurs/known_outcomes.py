"""Saboteurs that ask what became of a write, and take no answer for an answer. Each speaks to the small server."""

from __future__ import annotations

from collections.abc import Sequence

from good_engines.network import NetworkEngine

from nact.errors import EngineUnavailableError, SequenceConflictError
from nact.persistence import PersistedEvent
from nact.persistence.building.group_commit import GroupCommit
from saboteurs.sabotage import caught_by


class Asks(NetworkEngine):
    """Not yet a saboteur: when a write wasn't answered, it looks whether the event is there."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except EngineUnavailableError as error:
            if not await self.finds(event):
                raise EngineUnavailableError(error.message) from error

    async def finds(self, event: PersistedEvent) -> bool:
        found = [each.event_id async for each in self.events(event.key, after=event.sequence_number - 1, limit=1)]
        return found == [event.event_id]


@caught_by("F-21", "F-23")
class TakesSilenceForNo(Asks):
    """Takes a question that isn't answered for one that was answered with no."""

    async def finds(self, event: PersistedEvent) -> bool:
        try:
            return await super().finds(event)
        except EngineUnavailableError:
            return False


@caught_by("F-22", "F-23")
class PassesOnTheErrorOfTheQuestion(Asks):
    """Raises what the question raised: that one, being a read, stored nothing for certain."""


@caught_by("F-24", "F-27")
class AsksAfterAConflict(Asks):
    """Stores together what comes together. After a conflict it asks what was stored, and says no when it is refused."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._commits = GroupCommit(self._write)

    async def persist(self, event: PersistedEvent) -> None:
        await self._commits.submit([event], size=1)

    async def _write(self, batch: Sequence[Sequence[PersistedEvent]]) -> list[Exception | None]:
        outcomes: list[Exception | None] = []
        for events in batch:
            try:
                await self.persist_all(events)
                outcomes.append(None)
            except (SequenceConflictError, EngineUnavailableError) as error:
                outcomes.append(error)
        if any(outcomes):
            return [await self._asked(events, error) for events, error in zip(batch, outcomes, strict=True)]
        return outcomes

    async def _asked(self, events: Sequence[PersistedEvent], error: Exception | None) -> Exception | None:
        try:
            return None if await self.finds(events[0]) else error
        except EngineUnavailableError:
            return EngineUnavailableError("the batch failed")


@caught_by("F-28")
class TakesWhatIsDeletedForAConflict(NetworkEngine):
    """Sends again what wasn't answered. Where the number is taken by now, it says that another writer was first."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except EngineUnavailableError:
            await super().persist(event)
