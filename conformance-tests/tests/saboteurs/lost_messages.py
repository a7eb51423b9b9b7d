"""Saboteurs that meet a fault with a mistake. Each speaks to the small server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from good_engines.network import NetworkEngine
from good_engines.server import Request

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, PersistedSnapshot
from nact.persistence.building.checks import check_batch
from nact.persistence.records import new_event_id
from saboteurs.sabotage import caught_by


@caught_by("F-01", "F-13", "A-14")
class RetriesWithAnotherId(NetworkEngine):
    """Sends a write whose answer was lost again as a new one: a conflict with itself."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        try:
            await super().persist_all(events)
        except EngineUnavailableError:
            again = [msgspec.structs.replace(event, event_id=new_event_id()) for event in events]
            await super().persist_all(again)


@caught_by("F-01")
class RetriesIntoADuplicate(NetworkEngine):
    """Sends a write whose answer was lost again, under the number that is the next one by then."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            await super().persist(event)
        except EngineUnavailableError:
            number = await self.highest_sequence_number(event.key) + 1
            again = msgspec.structs.replace(event, sequence_number=number, event_id=new_event_id())
            await super().persist(again)


@caught_by("F-02")
class TakesALossForSuccess(NetworkEngine):
    """Supposes that what was sent was also stored, and doesn't send it again."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._sent: set[str] = set()

    async def persist(self, event: PersistedEvent) -> None:
        if event.event_id in self._sent:
            return
        try:
            await super().persist(event)
        except EngineUnavailableError as error:
            if isinstance(error, OutcomeUnknownError):
                self._sent.add(event.event_id)
            raise


@caught_by("F-03", "F-07")
class SplitsBatches(NetworkEngine):
    """Sends each event of a batch by itself."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        check_batch(events)
        for event in events:
            await super().persist_all([event])


@caught_by("F-04", "F-05")
class EndsReplaysEarly(NetworkEngine):
    """Takes a connection that dies for the journal's end."""

    async def events(self, key: str, **window: Any) -> AsyncIterator[PersistedEvent]:
        try:
            async for event in super().events(key, **window):
                yield event
        except EngineUnavailableError:
            return


@caught_by("F-06")
class DoesNotWaitForTheAnswer(NetworkEngine):
    """Acknowledges when the write was handed to the network."""

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        write = asyncio.ensure_future(super().persist_all(events))
        await asyncio.wait([write], timeout=0.001)
        if write.done():
            write.result()
        else:
            write.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


@caught_by("F-08")
class LetsTheNetworksErrorsThrough(NetworkEngine):
    """Raises what the network raises."""

    async def _ask(self, request: Request) -> Any:
        try:
            return await super()._ask(request)
        except EngineUnavailableError as error:
            raise (error.__cause__ or error) from None


@caught_by("F-09")
class NeverTriesAgain(NetworkEngine):
    """Keeps the error of its first attempt to connect."""

    failed: EngineUnavailableError | None = None
    reached = False

    async def _ask(self, request: Request) -> Any:
        if self.failed is not None:
            raise EngineUnavailableError("couldn't connect")
        try:
            answer = await super()._ask(request)
        except EngineUnavailableError as error:
            if not self.reached:
                self.failed = error
            raise
        self.reached = True
        return answer


@caught_by("F-10")
class CannotBeCancelled(NetworkEngine):
    """Waits for the server's answer, whatever its caller says."""

    limit = None

    async def _ask(self, request: Request) -> Any:
        exchange = asyncio.ensure_future(super()._ask(request))
        cancelled = False
        while not exchange.done():
            try:
                await asyncio.wait([exchange])
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        return exchange.result()


@caught_by("F-11")
class LosesPatience(NetworkEngine):
    """Sends a slow write again as a new one, and takes the answer to that."""

    async def persist(self, event: PersistedEvent) -> None:
        try:
            async with asyncio.timeout(0.05):
                await super().persist(event)
        except TimeoutError:
            await super().persist(msgspec.structs.replace(event, event_id=new_event_id()))


@caught_by("F-12")
class ClaimsToKnow(NetworkEngine):
    """Says of every loss that nothing was stored."""

    async def _ask(self, request: Request) -> Any:
        try:
            return await super()._ask(request)
        except EngineUnavailableError as error:
            raise EngineUnavailableError(error.message) from error


@caught_by("F-14")
class LosesBrokenConnections(NetworkEngine):
    """Never counts a connection that broke as free again."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._pool = asyncio.Semaphore(20)

    async def _ask(self, request: Request) -> Any:
        await self._pool.acquire()
        answer = await super()._ask(request)
        self._pool.release()
        return answer


class RemembersLosses(NetworkEngine):
    """Not yet a saboteur: knows whether the last call was lost."""

    lost = False

    async def _ask(self, request: Request) -> Any:
        try:
            return await super()._ask(request)
        except EngineUnavailableError:
            self.lost = True
            raise


@caught_by("F-15")
class DeletesMoreAfterALoss(RemembersLosses):
    """Counts a deletion whose answer was lost twice."""

    async def delete_events(self, key: str, *, up_to: int) -> None:
        more, self.lost = self.lost, False
        await super().delete_events(key, up_to=up_to + more)


@caught_by("F-16")
class DropsTheSnapshotAfterALoss(RemembersLosses):
    """Forgets the snapshots of a number whose answer was lost, instead of taking it again."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        if self.lost:
            self.lost = False
            await self.delete_snapshots(snapshot.key, up_to=snapshot.sequence_number)
        else:
            await super().take_snapshot(snapshot)
