"""A Redis Cluster: which of its primaries has which slot, and the connections to each.

The driver's own client for clusters closes the connections to all nodes when it loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterDownError, ResponseError

from nact_persistence_redis._connections import driver
from nact_persistence_redis._connections.address import Node
from nact_persistence_redis._connections.connections import Connections
from nact_persistence_redis._connections.driver import Pool
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import DRIVER_ERRORS, InterruptedExchange

_LEAST_TIMEOUT = 0.5
"""Seconds that each node gets at least to tell the slots."""


class Cluster:
    """The primaries of a cluster, each with a pool of its own.

    Args:
        seeds: Nodes to begin with; one that answers is enough.
        make_pool: Makes connections to a node.
        remap: Tells where a node really is, for clusters that tell other addresses than those that lead there.
        timeout: Seconds for asking all nodes, if there aren't too many.
        max_connections: How many connections to one node there are at most.
    """

    def __init__(
        self,
        seeds: Sequence[Node],
        make_pool: Callable[[Node], Pool],
        remap: Callable[[Node], Node] | None,
        timeout: float,
        max_connections: int,
    ) -> None:
        self.connections = Connections(max_connections=max_connections)
        self._seeds = list(seeds)
        self._make_pool = make_pool
        self._remap = remap
        self._timeout = timeout
        self._pools: dict[Node, Pool] = {}
        self._owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._primaries: list[Node] = []
        self._refreshing = asyncio.Lock()

    async def open(self) -> None:
        async with self._refreshing:
            await self._find()

    async def aclose(self) -> None:
        await self.connections.aclose()
        while self._pools:
            await driver.close(self._pools.popitem()[1])

    def script_group(self, name: bytes) -> Hashable:
        return name  # two names of one slot could share a script; but not while the slot moves, and few share one

    def pool(self, name: bytes) -> Pool:
        # If no owner is known, any node tells where the slot is, or that it is nowhere.
        return self._pool_of(self._owners[key_slot(name)] or [*self._primaries, *self._seeds][0])

    def pools(self) -> Sequence[Pool]:
        return [self._pool_of(node) for node in self._primaries]

    def pool_at(self, host: str, port: int) -> Pool:
        return self._pool_of(self._really((host, port)))

    async def refresh(self, _name: bytes) -> None:
        async with self._refreshing:
            with suppress(*DRIVER_ERRORS):
                await self._find()

    async def _find(self) -> None:
        """Asks one node after another until one tells. Silent nodes share the time for one round trip."""
        failure: BaseException | None = None
        nodes = dict.fromkeys([*self._primaries, *self._seeds])
        share = max(_LEAST_TIMEOUT, self._timeout / len(nodes))
        for node in nodes:
            try:
                (reply,) = await self.connections.exchange(self._pool_of(node), lambda: [("CLUSTER", "SLOTS")], share)
            except InterruptedExchange as interrupted:
                failure = interrupted.__cause__
                continue
            if reply and not isinstance(reply, ResponseError):
                self._note_owners(reply, node)
                return
            failure = reply or ClusterDownError("no slot has a node")
        raise failure or ClusterDownError("no node is known")

    def _note_owners(self, reply: Reply, told_by: Node) -> None:
        owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_replicas in reply:
            # A node that doesn't know its own name tells none: then it is where it was asked.
            owner = self._really((host.decode(), port)) if host else (told_by[0], port)
            owners[first : last + 1] = [owner] * (last + 1 - first)
        self._owners = owners
        self._primaries = list(dict.fromkeys(owner for owner in owners if owner is not None))

    def _really(self, node: Node) -> Node:
        return node if self._remap is None else self._remap(node)

    def _pool_of(self, node: Node) -> Pool:
        if node not in self._pools:
            self._pools[node] = self._make_pool(node)
        return self._pools[node]
