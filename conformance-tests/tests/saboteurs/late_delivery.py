"""Saboteurs of what arrives late, and of connections that fall silent. Each speaks to the small server."""

from __future__ import annotations

from typing import Any

import msgspec
from good_engines.network import NetworkEngine
from good_engines.server import Request

from nact.errors import EngineUnavailableError
from nact.persistence import PersistedSnapshot
from saboteurs.sabotage import caught_by


class ForgetsWhatItGaveUp(NetworkEngine):
    """Not yet a saboteur in itself: hangs up soon, and never thinks again of what it sent."""

    limit = 0.3

    async def _hang_up(self) -> None:
        await super()._hang_up()
        self._given_up.clear()


@caught_by("F-17", "F-18", "F-19")
class TellsWhatItReads(ForgetsWhatItGaveUp):
    """Tells what it reads, although a write that it gave up may still arrive."""


@caught_by("F-18")
class TakesAGivenUpWriteForLost(ForgetsWhatItGaveUp):
    """Says that nothing was stored, when it has waited long enough."""

    async def _ask(self, request: Request) -> Any:
        try:
            return await super()._ask(request)
        except EngineUnavailableError as error:
            raise EngineUnavailableError(error.message) from error


@caught_by("F-20")
class KeepsOneSnapshot(ForgetsWhatItGaveUp):
    """Has room for one snapshot of a key; looks whether the new one is newer, and then overwrites it."""

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        found = await self.latest_snapshot(snapshot.key)
        if found is None or found.sequence_number <= snapshot.sequence_number:
            kept = msgspec.structs.replace(snapshot, sequence_number=1, data=[snapshot.sequence_number, snapshot.data])
            await super().take_snapshot(kept)

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        kept = await super().latest_snapshot(key)
        if kept is None:
            return None
        number, data = kept.data
        return msgspec.structs.replace(kept, sequence_number=number, data=data)


@caught_by("F-25", "F-26")
class WaitsForEver(NetworkEngine):
    """Waits for an answer as long as the connection stands."""

    limit = None
