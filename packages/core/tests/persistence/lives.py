"""Lives of an actor that takes snapshots."""

from typing import Any

from nact import (
    configure_persistence,
    spawn_persistent,
    start,
)

from .doubles import RiggedEngine, ask, collect


async def kept(engine: RiggedEngine, key: str = "k") -> list[int]:
    """The numbers of the snapshots that there are."""
    numbers = []
    snapshot = await engine.latest_snapshot(key)
    while snapshot is not None:
        numbers.append(snapshot.sequence_number)
        snapshot = await engine.latest_snapshot(key, up_to=numbers[-1] - 1)
    return sorted(numbers)


async def live(engine: RiggedEngine, *msgs: Any, **options: Any) -> list[Any]:
    """What an actor's state is after these messages, in one life."""
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], **options)
        for msg in msgs:
            await ask(ref, msg)
        state = await ask(ref)
        assert isinstance(state, list)
        return state
