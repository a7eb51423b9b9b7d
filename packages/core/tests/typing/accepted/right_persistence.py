"""Persistent actors and queries: typed like others; what is persisted is a message, or anything that is encoded."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
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


async def contacts(
    state: list[str], msg: Created | Removed, ctx: PersistentContext[Created | Removed, Created | Removed]
) -> list[str]:
    if not ctx.recovering:
        assert_type(await ctx.persist(msg, tags=["contact"]), PersistedEvent)
        assert_type(await ctx.persist_all([msg, msg]), Sequence[PersistedEvent])
    assert_type(ctx.self, ActorRef[Created | Removed])
    return [*state, msg.name]


def helper(ctx: Context[Created | Removed]) -> None:
    ctx.log.info("a persistent context is a context")


async def loaded(ctx: PersistentContext[Created | Removed, Created | Removed]) -> list[str]:
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
        codec=codec,
        after_stop=lambda state, ctx: ctx.log.info(state),
    )
    assert_type(ref, ActorRef[Created | Removed])
    dispatch(ref, Created("Ada"))
    assert_type(
        spawn_persistent(system, contacts, key="user:2", initial_state_func=loaded), ActorRef[Created | Removed]
    )
    assert_type(persistent_query(system, fold, key="k", initial_state={}), Callable[[], Awaitable[dict[str, int]]])
    assert_type(await persistent_query(system, fold_later, key="k", initial_state=0)(), int)
    assert_type(await persistent_query(system, last, key="k")(), Any)
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


class Withdraw:
    amount: int


async def account(balance: int, msg: Withdraw, ctx: PersistentContext[Withdraw, Created | Removed]) -> int:
    """Messages aren't events: `persist` takes events alone, and `apply` folds those."""
    if ctx.seen("command"):
        return balance
    event = Created("Ada")
    stored = await ctx.persist(event, tags=["a"], metadata={"by": "ann"}, command_id="command")
    assert_type(stored.metadata, Mapping[str, Any])
    assert_type(ctx.event, PersistedEvent | None)
    assert_type(ctx.sequence_number, int)
    await ctx.snapshot(balance)
    await ctx.forget_events()
    assert_type(await ctx.erase(0), int)
    return evolve(balance, event)


def evolve(balance: int, event: Created | Removed) -> int:
    return balance + len(event.name)


def accounts(system: ActorSystem, events: TypedCodec[Created | Removed]) -> ActorRef[Withdraw]:
    balance = persistent_query(system, evolve, key="k", initial_state=0, codec=events)
    assert_type(balance, Callable[[], Awaitable[int]])
    ref = spawn_persistent(system, account, key="k", initial_state=0, apply=evolve, codec=events)
    assert_type(ref, ActorRef[Withdraw])
    return ref
