"""Writes: what arrives for one server while it is busy travels together in the next round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from nact.errors import (
    CorruptJournalError,
    EngineClosedError,
    EngineUnavailableError,
    NactError,
    OutcomeUnknownError,
    SequenceConflictError,
)
from nact.persistence import PersistedSnapshot
from nact.persistence.building.errors import copy_for_caller
from nact.persistence.building.group_commit import GroupCommit, Outcome
from nact.persistence.building.in_flight import InFlight
from nact_persistence_redis._connections.connections import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import refusal
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._routing.router import Link
from nact_persistence_redis._statements import scripts
from nact_persistence_redis._statements.names import Names
from nact_persistence_redis._statements.records import EventFields, padded, snapshot_member, text_size

_STORED = -1
_DELETED_AT_ONCE = 5000
_BESIDE_DATA = 400
"""An event costs the server as much time as so many bytes: some 20,000 of the smallest share a script."""
_to_msgpack = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, eq=False)
class Append:
    """The events of one `persist` or `persist_all`: one key, consecutive numbers, all or nothing.

    Attributes:
        key: The persistence key.
        first: The first event's number.
        events: What is stored of each.
        stream: The Redis key.
    """

    key: str
    first: int
    events: Sequence[EventFields]
    stream: bytes = b""


@dataclass(slots=True, eq=False)
class Single:
    """Any other write: one request. Its reply is kept."""

    key: str
    request: Request
    reply: Reply = None


Item: TypeAlias = Append | Single


class Writer:
    """Gathers writes by server, so that one that is slow or gone doesn't delay the others.

    Args:
        link: The way to the servers.
        names: What things are called.
        max_items: At most so many writes travel together.
    """

    def __init__(self, link: Link, names: Names, max_items: int) -> None:
        self._link = link
        self._names = names
        self._max_items = max_items
        self._commits: dict[Pool, GroupCommit[Item]] = {}
        self._in_flight = InFlight()
        self._unknown: dict[str, Append] = {}
        self._is_closed = False

    async def aclose(self) -> None:
        """Refuses new writes, and returns when those submitted have an outcome."""
        self._is_closed = True
        for commit in list(self._commits.values()):
            await commit.aclose()

    async def settled(self, key: str) -> None:
        """Returns when it is certain what there is to read of this key.

        What is on its way for it has arrived: its writer may have been cancelled meanwhile. If an earlier write had an
        unknown outcome, what a read will find has been confirmed like any write, and what it won't find can't come.

        Raises:
            EngineUnavailableError: That couldn't be found out.
        """
        await self._in_flight.settled(key)
        unknown = self._unknown.get(key)
        if unknown is not None:
            stream, script = unknown.stream, scripts.TOUCH
            await self._submit(stream, Single(key, Request(stream, script.short((stream,)), key, script)))
            if self._unknown.get(key) is unknown:
                del self._unknown[key]

    def append(self, item: Append) -> asyncio.Future[None]:
        """Stores the events. Await what this returns."""
        item.stream = self._names.events(item.key)
        size = sum(map(text_size, item.events)) + _BESIDE_DATA * len(item.events)
        return self._submit(item.stream, item, size)

    async def delete_events(self, key: str, up_to: int) -> None:
        """Some thousand at a time, so that other keys' writes needn't wait for all of them."""
        stream, script, is_done = self._names.events(key), scripts.DELETE_EVENTS, False
        while not is_done:
            item = Single(key, Request(stream, script.short((stream,), up_to, _DELETED_AT_ONCE), key, script))
            await self._submit(stream, item)
            is_done = item.reply == 1

    async def put_snapshot(self, snapshot: PersistedSnapshot) -> None:
        name, member = self._names.snapshots(snapshot.key), snapshot_member(snapshot)
        number, script = padded(snapshot.sequence_number), scripts.PUT_SNAPSHOT
        command = script.short((name,), b"[" + number, b"(" + number + b"!", member)
        # An older one may be on its way, its writer cancelled; over another connection this one might overtake it.
        await self._in_flight.settled(snapshot.key)
        await self._submit(name, Single(snapshot.key, Request(name, command, snapshot.key, script)), len(member))

    async def delete_snapshots(self, key: str, up_to: int) -> None:
        name, script = self._names.snapshots(key), scripts.DELETE_SNAPSHOTS
        command = script.short((name,), b"(" + padded(up_to) + b"!")
        await self._submit(name, Single(key, Request(name, command, key, script)))

    def _submit(self, name: bytes, item: Item, size: int = 0) -> asyncio.Future[None]:
        if self._is_closed:
            raise EngineClosedError("the engine is closed; make a new one")
        pool = self._link.servers.pool(name)
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
        """Stores the items, and tells what became of each."""
        groups: dict[Hashable, list[Append]] = {}
        outcomes: dict[Item, Outcome] = {}
        for item in items:
            if isinstance(item, Append):
                groups.setdefault(self._link.servers.together(item.stream), []).append(item)
        singles = [item for item in items if isinstance(item, Single)]
        requests = [self._request(group) for group in groups.values()]
        replies = await self._link.ask([*requests, *[item.request for item in singles]], durably=True)
        for group, request, reply in zip(groups.values(), requests, replies, strict=False):
            for place, item in enumerate(group):
                maybe_done = request.maybe_done or (bool(self._unknown) and self._may_have(item))
                outcomes[item] = self._noted(item, outcome_of(item, place, reply, maybe_done))
        for single, reply in zip(singles, replies[len(groups) :], strict=True):
            single.reply = reply
            outcomes[single] = reply if isinstance(reply, NactError) else None
        return outcomes

    def _noted(self, item: Append, outcome: Outcome) -> Outcome:
        """The outcome, in the light of what came before: nothing was stored for certain only if nothing was before."""
        if outcome is None:
            if self._unknown:
                self._unknown.pop(item.key, None)
        elif isinstance(outcome, EngineUnavailableError):
            if isinstance(outcome, OutcomeUnknownError):
                self._unknown[item.key] = item
            elif self._may_have(item):
                cause = outcome.__cause__
                outcome = OutcomeUnknownError(outcome.message)
                outcome.__cause__ = cause
        return outcome

    def _may_have(self, item: Append) -> bool:
        """Whether an earlier call for one of these events had an unknown outcome."""
        unknown = self._unknown.get(item.key)
        return unknown is not None and not {event[1] for event in unknown.events}.isdisjoint(
            event[1] for event in item.events
        )

    @staticmethod
    def _request(group: Sequence[Append]) -> Request:
        """One call of the script for all the events that may be in one."""
        packed = _to_msgpack([(item.first, *item.events) for item in group])
        command = scripts.APPEND.short(tuple([item.stream for item in group]), packed)
        return Request(group[0].stream, command, group[0].key, scripts.APPEND)


def _in_order(items: Sequence[Item]) -> list[list[Item]]:
    """The items in parts, each with one snapshot or deletion of a name: one that is tried again mustn't come later."""
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


def outcome_of(item: Append, place: int, reply: Reply, maybe_done: bool) -> Outcome:
    """What the reply to a call of the script says of one of its items."""
    if isinstance(reply, NactError):
        return copy_for_caller(reply)
    mine = reply[place]
    if mine == _STORED:
        return None
    return _told(item, mine.decode(errors="replace"), maybe_done)


def _told(item: Append, text: str, maybe_done: bool) -> Outcome:
    """What a text means that `APPEND` returned; see there."""
    word, _, rest = text.partition(" ")
    match word:
        case "DELETED" if maybe_done:
            return OutcomeUnknownError("the events were deleted meanwhile, if they were stored")
        case "DELETED" | "TAKEN":
            return SequenceConflictError(item.key, item.first, int(rest))
        case "GAP":
            return CorruptJournalError("it is missing, though it was the last one", item.key, int(rest))
        case "UNSURE" | "PARTLY":
            return refusal(rest, item.key, outcome_known=False)
        case _:
            return refusal(text, item.key, outcome_known=not maybe_done)
