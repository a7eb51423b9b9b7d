"""Persistent actors and engines that can't work."""

from dataclasses import dataclass
from typing import Any

from nact import (
    ActorSystem,
    Context,
    PersistentContext,
    TypedCodec,
    configure_persistence,
    persistent_query,
    spawn,
    spawn_persistent,
)
from nact.persistence import PersistedEvent
from nact.persistence.building.group_commit import GroupCommit


@dataclass
class Created:
    name: str


class Removed:
    name: str


async def contacts(state: list[str], msg: Created, ctx: PersistentContext[Created, Created]) -> list[str]:
    ctx.persist(msg)  # E[unused-coroutine]: Value of type "Coroutine[Any, Any,
    ctx.persist_all([msg])  # E[unused-coroutine]: Value of type "Coroutine[Any, Any,
    await ctx.persist(msg, tags=5)  # E[arg-type]: expected "Collection[str]"
    await ctx.persist()  # E[call-arg]: Missing positional argument "event" in call to
    await ctx.persist_all(msg)  # E[arg-type]: expected "Sequence[Created]"
    await ctx.persist(Removed())  # E[arg-type]: expected "Created"
    await ctx.persist_all([Removed()])  # E[list-item]: expected "Created"
    await ctx.persist(msg, metadata=["by"])  # E[arg-type]: expected "Mapping[str, Any] | None"
    number: int = await ctx.persist(msg)  # E[assignment]
    ctx.recovering = True  # E[misc]: Cannot assign to class variable "recovering" via instance
    return [*state, msg.name, str(number)]


async def plain(state: list[str], msg: Created, ctx: Context[Created]) -> list[str]:
    await ctx.persist(msg)  # E[attr-defined]
    return state


def at_once(state: list[str], msg: Created, ctx: PersistentContext[Created, Created]) -> list[str]:
    return state


def fold(state: int, event: Any) -> int:
    return state + 1


class OnlyWrites:
    async def persist(self, event: PersistedEvent) -> None: ...


class Twisted:
    async def events(self, key: str) -> list[PersistedEvent]:
        return []

    async def persist(self, event: PersistedEvent) -> None: ...


async def writes(batch: list[str]) -> None: ...


def spawning(system: ActorSystem) -> None:
    spawn_persistent(system, contacts, key="k", initial_state={})  # E[misc]: parameter "State"
    spawn_persistent(system, contacts, key="k")  # E[arg-type]: Argument 2 to "spawn_persistent"
    spawn_persistent(system, contacts, initial_state=[])  # E[call-overload]
    spawn_persistent(system, contacts, key=5, initial_state=[])  # E[call-overload]
    spawn_persistent(system, at_once, key="k", initial_state=[])  # E[arg-type]: Argument 2 to "spawn_persistent"
    spawn_persistent(system, contacts, key="k", initial_state=[], snapshot_every="20")  # E[call-overload]
    spawn_persistent(system, contacts, key="k", initial_state=[], retention=2)  # E[call-overload]
    spawn_persistent(system, contacts, key="k", initial_state=[], codec="json")  # E[call-overload]
    spawn(system, print, snapshot_evry=2)  # E[call-overload]  # E[call-overload]
    spawn_persistent(system, contacts, key="k", initial_state=[], apply=fold)  # E[arg-type]: Argument "apply" to
    spawn_persistent(system, contacts, "k", initial_state=[])  # E[call-overload]
    spawn(system, contacts, initial_state=[])  # E[arg-type]: Argument 2 to "spawn"


async def querying(system: ActorSystem) -> str:
    persistent_query(system, fold, key="k", initial_state="0")  # E[arg-type]: expected "AsyncFold[str, Never]"
    persistent_query(system, fold, key="k")  # E[arg-type]: expected "Callable[[None, Any], Any]"
    text: str = await persistent_query(system, fold, key="k", initial_state=0)()  # E[assignment]
    return text


def engines() -> None:
    configure_persistence(OnlyWrites())  # E[arg-type]: expected "PersistenceEngine"
    configure_persistence(Twisted())  # E[arg-type]: expected "PersistenceEngine"
    GroupCommit(writes)  # E[arg-type]: Argument 1 to "GroupCommit"
    event = PersistedEvent("k", 1, None)  # E[call-arg]: Too many positional arguments for
    event.key = "l"  # E[misc]: Property "key" defined in "PersistedEvent" is


def codecs() -> Removed:
    codec = TypedCodec(Created)
    codec.encode(Removed())  # E[arg-type]: expected "Created"
    codec.encode("Ada")  # E[arg-type]: expected "Created"
    removed: Removed = codec.decode({})  # E[assignment]
    TypedCodec(5)  # E[arg-type]: expected "type[Never] | UnionType"
    TypedCodec(Created, upcasters={"Created": []})  # E[dict-item]: Dict entry 0 has incompatible type "str":
    return removed
