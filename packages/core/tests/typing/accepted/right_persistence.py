"""Persistent actors and queries: typed like others; what is persisted is a message, or anything that is encoded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_type

from nact import (
    ActorRef,
    ActorSystem,
    Context,
    PersistentContext,
    Retention,
    TypedCodec,
    configure_persistence,
    dispatch,
    engine_from_url,
    persistent_query,
    spawn_persistent,
    start,
)
from nact.persistence import AtomicBatches, MemoryPersistenceEngine, PersistedEvent, PersistenceEngine, SnapshotStore
from nact.persistence.building.group_commit import GroupCommit, Outcome


@dataclass
class Created:
    name: str


@dataclass
class Removed:
    name: str


codec: TypedCodec[Created | Removed] = TypedCodec(
    Created | Removed, upcasters={Created: [dict]}, aliases={"C": Created}
)
single = TypedCodec(Created)


async def contacts(state: list[str], msg: Created | Removed, ctx: PersistentContext[Created | Removed]) -> list[str]:
    if not ctx.recovering:
        assert_type(await ctx.persist(msg, tags=["contact"]), PersistedEvent)
        assert_type(await ctx.persist_all([msg, msg]), Sequence[PersistedEvent])
    assert_type(ctx.self, ActorRef[Created | Removed])
    return [*state, msg.name]


def helper(ctx: Context[Created | Removed]) -> None:
    ctx.log.info("a persistent context is a context")


async def loaded(ctx: PersistentContext[Created | Removed]) -> list[str]:
    helper(ctx)
    return []


def fold(state: dict[str, int], event: Created) -> dict[str, int]:
    return {**state, event.name: 1}


async def fold_later(state: int, event: Any) -> int:
    return state + 1


def last(state: Any, event: Any) -> Any:
    return event


async def main(system: ActorSystem) -> None:
    ref = spawn_persistent(
        system,
        contacts,
        key="user:1",
        initial_state=[],
        snapshot_every=20,
        retention=Retention(2, delete_events=True),
        encoder=codec.encode,
        decoder=codec.decode,
        after_stop=lambda state, ctx: ctx.log.info(state),
    )
    assert_type(ref, ActorRef[Created | Removed])
    dispatch(ref, Created("Ada"))
    assert_type(
        spawn_persistent(system, contacts, key="user:2", initial_state_func=loaded), ActorRef[Created | Removed]
    )
    assert_type(persistent_query(system, fold, "k", initial_state={}), Callable[[], Awaitable[dict[str, int]]])
    assert_type(await persistent_query(system, fold_later, "k", initial_state=0)(), int)
    assert_type(await persistent_query(system, last, "k")(), Any)
    assert_type(codec.decode({}), Created | Removed)
    assert_type(single, TypedCodec[Created])
    assert_type(single.decode({}), Created)
    codec.encode(Removed("Ada"))


class Minimal:
    """An engine of somebody else's."""

    async def events(self, key: str, *, after: int = 0, limit: int | None = None, tags: Any = ()) -> Any:
        yield PersistedEvent(key=key, sequence_number=after + 1, data={"a": [1, None]}, tags=("b", "a"))

    async def persist(self, event: PersistedEvent) -> None:
        assert_type(event.tags, tuple[str, ...])


async def write(batch: Sequence[PersistedEvent]) -> list[Outcome]:
    return [None for _ in batch]


async def engines() -> None:
    minimal: PersistenceEngine = Minimal()
    full: PersistenceEngine = MemoryPersistenceEngine()
    if isinstance(full, SnapshotStore) and isinstance(full, AtomicBatches):
        await full.delete_snapshots("k", up_to=5)
    commits = GroupCommit(write, max_items=100)
    await commits.submit(PersistedEvent(key="k", sequence_number=1, data=None), size=10)
    for engine in (minimal, full, engine_from_url("memory://")):
        async with start(configure_persistence(engine, max_recoveries=8, close=False)) as system:
            await main(system)
