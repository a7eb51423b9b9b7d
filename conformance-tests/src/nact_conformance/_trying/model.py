"""Random histories of several clients, and their comparison with the reference, step by step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hypothesis import strategies as st

from nact.errors import NactError
from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot
from nact_conformance._trying.client import Client
from nact_conformance._trying.history import BrokenLawError, History, short
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event, fingerprint

Call: TypeAlias = Callable[[Client], Awaitable[object]]

CLIENTS = 3
_clients = st.integers(0, CLIENTS - 1)
_keys = st.integers(0, 1)
_tags = st.lists(st.sampled_from(["x", "y"]), unique=True)
_shift = st.sampled_from([0, 0, 0, 0, 0, 1, -1, 2, -3])
_limit = st.none() | st.integers(0, 4)
_metadata = st.integers(0, 2)


@dataclass(frozen=True, slots=True)
class Step:
    """One call by one client. Numbers are relative to the journal's end, so that a history stays sensible when cut."""

    what: str
    client: int
    key: int = 0
    number: int = 0
    limit: int | None = None
    tags: tuple[str, ...] = ()
    metadata: int = 0

    def metadata_of(self, place: int) -> dict[str, object]:
        """The metadata of the event at this place of a batch: of every event, of every other one, or of none."""
        return {"by": [self.client, place]} if self.metadata == 2 or (self.metadata and place % 2) else {}


def _step(what: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(what), _clients, **parts)


def histories(offered: set[Need]) -> st.SearchStrategy[list[Step]]:
    """Histories that use the offered abilities, short and simple ones first."""
    tags = _tags.map(tuple)
    kinds = [
        *[_step("persist", key=_keys, number=_shift, tags=tags, metadata=_metadata) for _ in range(4)],
        _step("begin", key=_keys, number=st.integers(1, 5)),
        _step("again", key=_keys, number=st.integers(1, 4)),
        _step("events", key=_keys, number=st.integers(0, 8), limit=_limit, tags=tags),
        _step("events", key=_keys),
        _step("reopen"),
    ]
    if Need.BATCHES in offered:
        kinds += [_step("batch", key=_keys, number=_shift, limit=st.integers(0, 4), tags=tags, metadata=_metadata)]
    if Need.DELETION in offered:
        kinds += [_step("delete", key=_keys, number=st.integers(0, 6))]
    if Need.HIGHEST in offered:
        kinds += [_step("highest", key=_keys)]
    if Need.LISTING in offered:
        kinds += [_step("keys")]
    if Need.SNAPSHOTS in offered:
        number = st.integers(1, 6)
        kinds += [_step("take", key=_keys, number=number, metadata=_metadata)]
        kinds += [_step(what, key=_keys, number=number) for what in ("latest", "latest up to", "forget")]
    # A list of short lists: Hypothesis makes longer ones of these, and can still cut them down to a few steps.
    several = st.lists(st.lists(st.one_of(kinds), max_size=12), max_size=12)
    return several.map(lambda parts: [step for part in parts for step in part])


@dataclass
class Comparison:
    """Runs one history twice: on the engine under test, and on the reference."""

    trial: Trial
    clients: list[Client]
    offered: set[Need]
    reference: Client = field(init=False)
    keys: tuple[str, str] = field(init=False)
    _attempted: dict[str, list[list[PersistedEvent]]] = field(default_factory=dict)
    _steps: int = 0

    def __post_init__(self) -> None:
        self.reference = Client("reference", MemoryPersistenceEngine(), History(), self.trial.settings.timeout)
        prefix = self.trial.key("-")
        self.keys = (prefix + "k", prefix + "K")
        self._attempted = {key: [] for key in self.keys}

    async def run(self, steps: list[Step]) -> None:
        """Runs every step, and finally compares everything.

        Raises:
            BrokenLawError: Where the engine and the reference differ.
        """
        for step in steps:
            self._steps += 1
            if step.what == "reopen":
                await self._reopen(step.client)
            elif (call := await self._call(step)) is not None:
                await self._compare(self.clients[step.client], call)
        for place in range(len(self.keys)):
            for what in ("events", "highest", "latest"):
                if what == "events" or _need_of(what) in self.offered:
                    call = await self._call(Step(what, 0, place))
                    if call is not None:
                        await self._compare(self.clients[0], call)

    async def _reopen(self, place: int) -> None:
        await self.clients[place].release()
        self.clients[place] = await self.trial.another_client()

    async def _call(self, step: Step) -> Call | None:
        key = self.keys[step.key]
        if step.what in {"begin", "persist", "batch", "again"}:
            return await self._write(step, key)
        number, prefix = step.number, self.keys[0][:-1]
        calls: dict[str, Call] = {
            "events": lambda client: client.events(key, after=number, limit=step.limit, tags=step.tags),
            "delete": lambda client: client.delete_events(key, up_to=number),
            "highest": lambda client: client.highest(key),
            "keys": lambda client: client.keys(prefix),
            "take": lambda client: client.take_snapshot(self._snapshot(key, step)),
            "latest": lambda client: client.latest_snapshot(key),
            "latest up to": lambda client: client.latest_snapshot(key, up_to=number),
            "forget": lambda client: client.delete_snapshots(key, up_to=number),
        }
        return calls[step.what]

    async def _write(self, step: Step, key: str) -> Call | None:
        attempted = self._attempted[key]
        if step.what == "begin":
            events = [PersistedEvent(key=key, sequence_number=step.number, data=None, is_deleted=True)]
            attempted.append(events)
        elif step.what == "again":
            if not attempted:
                return None
            events = attempted[-min(step.number, len(attempted))]
            if await self._is_deleted(key, events):
                return None
        else:
            first = await self.reference.highest(key) + 1 + step.number
            count = 1 if step.what == "persist" else step.limit or 0
            if first < 1:
                return None
            events = [
                event(key, first + place, [self._steps, place], tags=step.tags, metadata=step.metadata_of(place))
                for place in range(count)
            ]
            attempted.append(events)
        if len(events) == 1:
            return lambda client: client.persist(events[0])
        return lambda client: client.persist_all(events)

    async def _is_deleted(self, key: str, events: list[PersistedEvent]) -> bool:
        """A retry of what was deleted may succeed or be a conflict."""
        first = await self.reference.events(key, limit=1)
        return bool(events and first and first[0].is_deleted and events[0].sequence_number <= first[0].sequence_number)

    def _snapshot(self, key: str, step: Step) -> PersistedSnapshot:
        number, metadata = step.number, step.metadata_of(1)
        return PersistedSnapshot(
            key=key, sequence_number=number, data=self._steps, created_at=self._steps, metadata=metadata
        )

    async def _compare(self, client: Client, call: Call) -> None:
        wanted = await _outcome(self.reference, call)
        found = await _outcome(client, call)
        if _comparable(found) != _comparable(wanted):
            happened = f"the last call gave {short(found, 500)}; the reference gives {short(wanted, 500)}"
            raise BrokenLawError("any history of calls has the outcomes that the reference has", happened)


def _need_of(what: str) -> Need:
    return Need.HIGHEST if what == "highest" else Need.SNAPSHOTS


async def _outcome(client: Client, call: Call) -> object:
    try:
        return await call(client)
    except NactError as error:
        return error


def _comparable(outcome: object) -> object:
    """The promised part of an outcome: the class of an error, the number of a tombstone, keys in any order."""
    if isinstance(outcome, NactError):
        return type(outcome)
    if isinstance(outcome, PersistedEvent):
        whole = (
            None
            if outcome.is_deleted
            else (fingerprint(outcome.data), outcome.tags, outcome.event_id, outcome.created_at)
        )
        return outcome.sequence_number, whole, fingerprint(outcome.metadata)
    if isinstance(outcome, PersistedSnapshot):
        return outcome.sequence_number, fingerprint(outcome.data), outcome.created_at, fingerprint(outcome.metadata)
    if isinstance(outcome, list):
        items = [_comparable(item) for item in outcome]
        return sorted(map(str, items)) if outcome and isinstance(outcome[0], str) else items
    return outcome
