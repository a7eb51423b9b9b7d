"""Group commit for each server: what arrives while a server is busy travels together in the next round trip to it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nact.errors import EngineClosedError, EngineUnavailableError, NactError, OutcomeUnknownError
from nact.persistence import PersistedSnapshot
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact.persistence.building.in_flight import InFlight
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._routing.router import Router
from nact_persistence_redis._statements import scripts
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.records import padded, snapshot_member
from nact_persistence_redis._writing.appends import Append, append_request, outcome_of

_DELETED_AT_ONCE = 5000


@dataclass(slots=True, eq=False)
class Single:
    """Any other write: one request.

    Attributes:
        key: The persistence key.
        request: The request.
        reply: The server's reply, when there is one.
    """

    key: str
    request: Request
    reply: Reply = None


Item: TypeAlias = Append | Single


class Writer:
    """Collects writes for each server, so that one that is slow or gone doesn't delay the others.

    Args:
        router: The way to the servers.
        names: The names of things in Redis.
        max_items: How many writes travel together at most.
    """

    def __init__(self, router: Router, names: Names, max_items: int) -> None:
        self._router = router
        self._names = names
        self._max_items = max_items
        self._commits: dict[Pool, GroupCommit[Item]] = {}
        self._in_flight = InFlight()
        self._in_doubt: dict[str, Append] = {}
        self._is_closed = False

    async def aclose(self) -> None:
        """Refuses new writes, and returns when those submitted have an outcome."""
        self._is_closed = True
        for commit in list(self._commits.values()):
            await commit.aclose()

    async def settled(self, key: str) -> None:
        """Returns when it is certain what a read of this key finds.

        Writes on their way have arrived, also those whose writers were cancelled. If an earlier write had an unknown
        outcome, what a read will find has been confirmed like any write, and what it won't find can't arrive any more.

        Raises:
            EngineUnavailableError: The server couldn't be asked.
        """
        await self._in_flight.settled(key)
        doubtful = self._in_doubt.get(key)
        if doubtful is not None:
            stream, script = doubtful.stream, scripts.TOUCH
            await self._submit(stream, Single(key, Request(stream, script.by_digest((stream,)), key, script)))
            if self._in_doubt.get(key) is doubtful:
                del self._in_doubt[key]

    def append(self, item: Append) -> asyncio.Future[None]:
        """Stores the events. Await what this returns."""
        item.stream = self._names.events(item.key)
        return self._submit(item.stream, item, item.cost)

    async def delete_events(self, key: str, up_to: int) -> None:
        """Deletes a few thousand at a time, so that other keys' writes needn't wait for all of them."""
        stream, script, is_done = self._names.events(key), scripts.DELETE_EVENTS, False
        while not is_done:
            command = script.by_digest((stream,), up_to, _DELETED_AT_ONCE)
            item = Single(key, Request(stream, command, key, script))
            await self._submit(stream, item)
            is_done = item.reply == 1

    async def put_snapshot(self, snapshot: PersistedSnapshot) -> None:
        key, number = snapshot.key, padded(snapshot.sequence_number)
        name, member, script = self._names.snapshots(key), snapshot_member(snapshot), scripts.PUT_SNAPSHOT
        command = script.by_digest((name,), b"[" + number, b"(" + number + b"!", member)
        # An older one, whose writer was cancelled, may be on its way; over another connection this could overtake it.
        await self._in_flight.settled(key)
        await self._submit(name, Single(key, Request(name, command, key, script)), len(member))

    async def delete_snapshots(self, key: str, up_to: int) -> None:
        name, script = self._names.snapshots(key), scripts.DELETE_SNAPSHOTS
        command = script.by_digest((name,), b"(" + padded(up_to) + b"!")
        await self._submit(name, Single(key, Request(name, command, key, script)))

    def _submit(self, name: bytes, item: Item, size: int = 0) -> asyncio.Future[None]:
        if self._is_closed:
            raise EngineClosedError("the engine is closed; make a new one")
        pool = self._router.servers.pool(name)
        commit = self._commits.get(pool)
        if commit is None:
            commit = self._commits[pool] = GroupCommit(self._write, max_items=self._max_items)
        return commit.submit(item, size=size)

    async def _write(self, items: Sequence[Item]) -> Sequence[Outcome]:
        with self._in_flight.batch({item.key for item in items}):
            outcomes: dict[Item, Outcome] = {}
            for part in _in_order(items):
                outcomes |= await self._outcomes(part)
            return [outcomes[item] for item in items]

    async def _outcomes(self, items: Sequence[Item]) -> dict[Item, Outcome]:
        """Stores the items, and returns the outcome of each."""
        groups: dict[Hashable, list[Append]] = {}
        outcomes: dict[Item, Outcome] = {}
        for item in items:
            if isinstance(item, Append):
                groups.setdefault(self._router.servers.script_group(item.stream), []).append(item)
        singles = [item for item in items if isinstance(item, Single)]
        requests = [append_request(group) for group in groups.values()]
        replies = await self._router.ask([*requests, *[item.request for item in singles]], durably=True)
        for group, request, reply in zip(groups.values(), requests, replies, strict=False):
            for place, item in enumerate(group):
                in_doubt = request.in_doubt or (bool(self._in_doubt) and self._is_in_doubt(item))
                outcomes[item] = self._noted(item, outcome_of(item, place, reply, in_doubt))
        for single, reply in zip(singles, replies[len(groups) :], strict=True):
            single.reply = reply
            outcomes[single] = reply if isinstance(reply, NactError) else None
        return outcomes

    def _noted(self, item: Append, outcome: Outcome) -> Outcome:
        """The outcome, given the earlier calls: it is certain that nothing was stored only if no call is in doubt."""
        if outcome is None:
            if self._in_doubt:
                self._in_doubt.pop(item.key, None)
        elif isinstance(outcome, EngineUnavailableError):
            if isinstance(outcome, OutcomeUnknownError):
                self._in_doubt[item.key] = item
            elif self._is_in_doubt(item):
                cause = outcome.__cause__
                outcome = OutcomeUnknownError(outcome.message)
                outcome.__cause__ = cause
        return outcome

    def _is_in_doubt(self, item: Append) -> bool:
        """Whether an earlier call for one of these events had an unknown outcome."""
        doubtful = self._in_doubt.get(item.key)
        return doubtful is not None and item.shares_an_event_with(doubtful)


def _in_order(items: Sequence[Item]) -> list[list[Item]]:
    """The items in parts, each with one snapshot or deletion of a name: one that is tried again mustn't overtake."""
    parts: list[list[Item]] = [[]]
    seen: set[bytes] = set()
    for item in items:
        if isinstance(item, Single):
            if item.request.name in seen:
                parts.append([])
                seen.clear()
            seen.add(item.request.name)
        parts[-1].append(item)
    return parts
