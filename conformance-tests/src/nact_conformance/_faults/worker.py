"""A process that works with an engine of its own, on orders from the laws, until it is killed.

`python -m nact_conformance._faults.worker FACTORY URL` reads orders from its standard input and writes answers to its
standard output, a line of JSON each. It writes an acknowledgement before the next call begins: what was read from a
killed process is what its engine had acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import msgspec

from nact.errors import NactError, SequenceConflictError
from nact.persistence import (
    AtomicBatches,
    EventDeletion,
    PersistedEvent,
    PersistedSnapshot,
    PersistenceEngine,
    SnapshotStore,
)
from nact_conformance._faults.self_kill import SelfKill
from nact_conformance.author import make_engine

Order = dict[str, Any]


def say(**answer: object) -> None:
    """Writes a line at once, past every buffer of this process."""
    os.write(1, json.dumps(answer).encode() + b"\n")


def filler(key: str, number: int, size: int) -> str:
    """Data by which a reader sees its key, its number and whether it is whole."""
    return (f"{key}/{number} " * (size // 8 + 1))[:size]


async def read(engine: PersistenceEngine, order: Order) -> None:
    """Tells the numbers of a key's events."""
    say(numbers=[event.sequence_number async for event in engine.events(order["key"])])


async def tell(engine: PersistenceEngine, order: Order) -> None:
    """Tells the metadata of a key's events."""
    say(metadata=[dict(event.metadata) async for event in engine.events(order["key"])])


async def follow(engine: PersistenceEngine, order: Order) -> None:
    """Reads what is new until it has `count` events. Tells their numbers, and which of them weren't whole."""
    key, numbers, torn = order["key"], [0], []
    while numbers[-1] < order["count"]:
        async for event in engine.events(key, after=numbers[-1]):
            numbers.append(event.sequence_number)
            if event.data != filler(key, event.sequence_number, order["size"]):
                torn.append(event.sequence_number)
        await asyncio.sleep(0)  # an engine may have tasks of its own, which a read that never waits would starve
    say(numbers=numbers[1:], torn=torn)


async def persist(engine: PersistenceEngine, order: Order) -> None:
    """Persists the given event."""
    await engine.persist(msgspec.convert(order["event"], PersistedEvent))
    say(done=True)


async def append(engine: PersistenceEngine, order: Order) -> None:
    """Appends events or batches, as many as ordered or for ever; reads again after a conflict.

    If it is ordered to, it kills its process in the middle of a call.
    """
    key, batch, size = order["key"], order.get("batch", 1), order.get("size", 100)
    self_kill = SelfKill(order.get("dies_in"))
    highest, left = 0, order.get("count", -1)
    while left != 0:
        numbers = range(highest + 1, highest + 1 + batch)
        events = [PersistedEvent(key=key, sequence_number=n, data=filler(key, n, size)) for n in numbers]
        try:
            with self_kill.call():
                await (engine.persist(events[0]) if batch == 1 else cast("AtomicBatches", engine).persist_all(events))
        except SequenceConflictError:
            async for event in engine.events(key, after=highest):
                highest = event.sequence_number
            continue
        highest = numbers[-1]
        left -= 1
        say(acked=list(numbers), ids=[event.event_id for event in events])
    say(done=True)


async def snapshots(engine: PersistenceEngine, order: Order) -> None:
    """Takes snapshots with growing numbers, for ever."""
    number = 0
    while True:
        number += 1
        data = filler(order["key"], number, order["size"])
        taken = PersistedSnapshot(key=order["key"], sequence_number=number, data=data)
        await cast("SnapshotStore", engine).take_snapshot(taken)
        say(acked=[number])


async def delete(engine: PersistenceEngine, order: Order) -> None:
    """Deletes events, one more each time, for ever."""
    number = 0
    while True:
        number += 1
        await cast("EventDeletion", engine).delete_events(order["key"], up_to=number)
        say(acked=[number])


ORDERS: dict[str, Callable[[PersistenceEngine, Order], Awaitable[None]]] = {
    "append": append, "delete": delete, "follow": follow, "persist": persist, "read": read, "snapshots": snapshots,
    "tell": tell,
}  # fmt: skip


async def main(factory: str, url: str) -> None:
    """Works until the orders end."""
    engine = make_engine(factory, url)
    say(ready=True)
    while line := await asyncio.to_thread(sys.stdin.buffer.readline):
        order = json.loads(line)
        try:
            await ORDERS[order["do"]](engine, order)
        except NactError as error:
            say(error=type(error).__name__, text=str(error))
    if close := getattr(engine, "aclose", None):
        await close()


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        asyncio.run(main(*sys.argv[1:]))
