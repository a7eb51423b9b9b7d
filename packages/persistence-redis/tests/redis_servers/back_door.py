"""Changes journals as a careless user of `redis-cli` would."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis, RedisCluster

from nact.persistence import PersistedEvent


class RedisBackDoor:
    """Changes stored records without the engine under test.

    Args:
        url: Of a server or a cluster.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def _client(self) -> Any:
        scheme, plus, rest = self._url.partition("+cluster")
        return RedisCluster.from_url(f"{scheme}{rest.partition(',')[0]}") if plus else Redis.from_url(self._url)

    async def remove_event(self, key: str, sequence_number: int) -> None:
        async with self._client() as client:
            assert await client.xdel(f"nact:{{{key}}}:events", f"{sequence_number}-0") == 1

    async def garble_event(self, key: str, sequence_number: int) -> None:
        await self._garble(key, sequence_number, b"data")

    async def garble_metadata(self, key: str, sequence_number: int) -> None:
        await self._garble(key, sequence_number, b"metadata")

    async def _garble(self, key: str, sequence_number: int, field: bytes) -> None:
        # An entry can't be changed in place: the stream is written anew, with half a text in this entry.
        name = f"nact:{{{key}}}:events"
        async with self._client() as client:
            entries: Any = await client.xrange(name)
            await client.delete(name)
            for entry_id, fields in entries:
                if entry_id == f"{sequence_number}-0".encode():
                    fields[field] = b'{"half'
                await client.xadd(name, fields, id=entry_id)

    async def garble_snapshot(self, key: str, sequence_number: int) -> None:
        name, number = f"nact:{{{key}}}:snapshots", f"{sequence_number:019d}"
        async with self._client() as client:
            assert await client.zremrangebylex(name, f"[{number}", f"({number}!") == 1
            await client.zadd(name, {f'{number} 1700000000000 {{"half': 0})

    async def plant_event(self, event: PersistedEvent) -> None:
        name = f"nact:{{{event.key}}}"
        async with self._client() as client:
            if event.is_deleted:
                group = f"tombstone {event.event_id} {event.created_at}"
                place = f"{event.sequence_number}-0"
                await client.xgroup_create(f"{name}:events", group, place, mkstream=True)
                await client.execute_command("XSETID", f"{name}:events", place)
                return
            fields: dict[Any, Any] = {"event_id": event.event_id, "created_at": event.created_at}
            fields |= {"tags": json.dumps(event.tags), "data": json.dumps(event.data)}
            if event.metadata:
                fields["metadata"] = json.dumps(event.metadata)
            await client.xadd(f"{name}:events", fields, id=f"{event.sequence_number}-0")

    async def holds(self, text: str) -> bool:
        async with self._client() as client:
            async for name in client.scan_iter():
                if await client.type(name) == b"stream":
                    found = [await client.xrange(name), await client.xinfo_groups(name)]
                else:
                    found = await client.zrange(name, 0, -1)
                if text.encode() in name or repr(text.encode())[2:-1] in repr(found):
                    return True
        return False

    async def empty(self) -> None:
        async with self._client() as client:
            await client.flushall()

    async def drop(self) -> None:
        await self.empty()
