"""A Redis Cluster: which of its primaries has which slot, and connections to each.

The driver has a client for clusters, too, but one that closes the connections to all nodes when it loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TypeAlias

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterDownError, ResponseError

from nact_persistence_redis._connections.connections import Lines, Pool, close
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, InterruptedExchange

Place: TypeAlias = tuple[str, int]
"""A node's host and port."""

_LEAST = 0.5
"""So many seconds a node has at least."""


class Cluster:
    """The primaries of a cluster, each with a pool of its own.

    Args:
        seeds: Nodes to begin with; one that answers is enough.
        make_pool: Makes connections to a node.
        remap: Where a node really is, for clusters that tell other addresses than those that lead there.
        timeout: For asking all nodes, in seconds, if there aren't too many.
        max_connections: To one node.
    """

    def __init__(
        self,
        seeds: Sequence[Place],
        make_pool: Callable[[Place], Pool],
        remap: Callable[[Place], Place] | None,
        timeout: float,
        max_connections: int,
    ) -> None:
        self.lines = Lines(at_most=max_connections)
        self._seeds = list(seeds)
        self._make_pool = make_pool
        self._remap = remap
        self._timeout = timeout
        self._pools: dict[Place, Pool] = {}
        self._owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._primaries: list[Place] = []
        self._looking = asyncio.Lock()

    async def open(self) -> None:
        async with self._looking:
            await self._find()

    async def aclose(self) -> None:
        await self.lines.aclose()
        while self._pools:
            await close(self._pools.popitem()[1])

    def together(self, name: bytes) -> Hashable:
        return name  # two names of one slot could; but not while it moves, and few share one

    def pool(self, name: bytes) -> Pool:
        # Any node tells where a slot is, or that it is nowhere.
        return self._pool_of(self._owners[key_slot(name)] or [*self._primaries, *self._seeds][0])

    def pools(self) -> Sequence[Pool]:
        return [self._pool_of(place) for place in self._primaries]

    def pool_at(self, host: str, port: int) -> Pool:
        return self._pool_of(self._really((host, port)))

    async def look_again(self, _name: bytes) -> None:
        async with self._looking:
            with suppress(*DRIVER_ERRORS):
                await self._find()

    async def _find(self) -> None:
        """Asks one node after another, until one tells. Those that are silent share the time for one round trip."""
        failure: BaseException | None = None
        places = dict.fromkeys([*self._primaries, *self._seeds])
        share = max(_LEAST, self._timeout / len(places))
        for place in places:
            try:
                (reply,) = await self.lines.exchange(self._pool_of(place), lambda: [("CLUSTER", "SLOTS")], share)
            except InterruptedExchange as interrupted:
                failure = interrupted.__cause__
                continue
            if reply and not isinstance(reply, ResponseError):
                self._take(reply, place)
                return
            failure = reply or ClusterDownError("no slot has a node")
        raise failure or ClusterDownError("no node is known")

    def _take(self, reply: Reply, told_by: Place) -> None:
        owners: list[Place | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_replicas in reply:
            # A node that doesn't know its own name tells none: it is where it was asked.
            place = self._really((host.decode(), port)) if host else (told_by[0], port)
            owners[first : last + 1] = [place] * (last + 1 - first)
        self._owners = owners
        self._primaries = list(dict.fromkeys(place for place in owners if place is not None))

    def _really(self, place: Place) -> Place:
        return place if self._remap is None else self._remap(place)

    def _pool_of(self, place: Place) -> Pool:
        if place not in self._pools:
            self._pools[place] = self._make_pool(place)
        return self._pools[place]
