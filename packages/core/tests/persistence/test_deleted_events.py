"""Guarantee 16: where deleted events can't be made up for by a snapshot, reading raises. No state is silently wrong."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    CorruptJournalError,
    Decision,
    Retention,
    configure_persistence,
    dispatch,
    persistent_query,
    spawn_persistent,
    start,
)
from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot

from .doubles import GET, Judge, RiggedEngine, Scripted, ask, collect, contents, scripted_event, write

pytestmark = pytest.mark.anyio

KEEP_ONE = Retention(snapshots=1, delete_events=True)


class Interrupted(RiggedEngine):
    """Something happens right after the latest snapshot was read: once, or as often as there is something."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], Awaitable[None]]] = []

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        found = await super().latest_snapshot(key, up_to=up_to)
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        return found


async def shorten(
    engine: MemoryPersistenceEngine, up_to: int, state: list[Any], *, event_id: str | None = None
) -> None:
    """What another process's retention does: a snapshot, and then the events that it covers go."""
    event = await anext(aiter(engine.events("k", after=up_to - 1)))
    identity = event.event_id if event_id is None else event_id
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=up_to, data=state, event_id=identity))
    await engine.delete_events("k", up_to=up_to)


async def recovered(engine: MemoryPersistenceEngine, **options: Any) -> Any:
    async with start(configure_persistence(engine, close=False)) as system:
        return await ask(spawn_persistent(system, collect, key="k", **({"initial_state": []} | options)))


async def fault_of(engine: MemoryPersistenceEngine, **options: Any) -> CorruptJournalError:
    judge = Judge(Decision.STOP)
    async with start(configure_persistence(engine, close=False)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], on_crash=judge, **options)
        with pytest.raises(ActorStoppedError):
            await ask(ref)
        _, error = await judge.fault()
        assert isinstance(error, CorruptJournalError)
        return error


def append(state: list[Any], event: Any) -> list[Any]:
    return [*state, event]


# --- actors ----------------------------------------------------------------------------------------------------------


async def test_a_snapshot_taken_while_an_actor_recovers_is_read_again() -> None:
    engine = Interrupted()
    await write(engine, "k", *range(1, 7))
    await shorten(engine, 2, [1, 2])
    engine.meanwhile = [lambda: shorten(engine, 4, [1, 2, 3, 4])]
    assert await recovered(engine) == [1, 2, 3, 4, 5, 6]


async def test_recovery_keeps_up_with_snapshots_that_keep_coming() -> None:
    engine = Interrupted()
    await write(engine, "k", *range(1, 10))
    engine.meanwhile = [
        lambda up_to=up_to: shorten(engine, up_to, list(range(1, up_to + 1)))  # type: ignore[misc]
        for up_to in (2, 4, 7)
    ]
    assert await recovered(engine) == list(range(1, 10))


async def test_events_that_go_in_mid_replay_are_made_up_for() -> None:
    async def handler(state: list[Any], msg: Any, ctx: Any) -> list[Any]:
        seen.append(msg)
        if len(seen) == 3:
            await shorten(engine, 5, [1, 2, 3, 4, 5])
        return await collect(state, msg, ctx)

    seen: list[Any] = []
    engine = RiggedEngine()
    await write(engine, "k", *range(1, 7))
    async with start(configure_persistence(engine)) as system:
        assert await ask(spawn_persistent(system, handler, key="k", initial_state=[])) == [1, 2, 3, 4, 5, 6]
    assert seen[:4] == [1, 2, 3, 6]


async def test_without_its_snapshot_a_shortened_journal_is_refused() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await shorten(engine, 3, ["a", "b", "c"])
    await engine.delete_snapshots("k", up_to=3)
    error = await fault_of(engine)
    assert (error.key, error.sequence_number) == ("k", 3)
    assert "events 1 to 3 were deleted, and no snapshot covers" in error.reason
    assert "skip_deleted=True" in error.reason
    assert await contents(engine, "k") == [(3, None), (4, "d")]


async def test_a_snapshot_below_the_tombstone_doesnt_cover_it() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=2, data=["a", "b"]))
    await engine.delete_events("k", up_to=3)
    assert "event 3 was deleted" in (await fault_of(engine)).reason


async def test_an_actor_can_begin_anew_after_all_was_deleted() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    await engine.delete_events("k", up_to=2)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], skip_deleted=True)
        assert await ask(ref, "c") == ["c"]
        assert await engine.highest_sequence_number("k") == 3


async def test_skipped_events_are_counted() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    await engine.delete_events("k", up_to=2)
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], skip_deleted=True)
        assert await ask(ref, "e") == ["c", "d", "e"]
        assert await engine.highest_sequence_number("k") == 5


async def test_several_deleted_events_may_stand_in_an_old_journal() -> None:
    engine = Scripted(
        scripted_event(1, deleted=True),
        scripted_event(2, deleted=True),
        scripted_event(3),
        scripted_event(4, deleted=True),
        scripted_event(5),
    )
    assert await recovered(engine, skip_deleted=True) == [3, 5]
    assert "event 1 was deleted" in (await fault_of(engine)).reason


async def test_skip_deleted_still_uses_the_snapshot_that_covers_them() -> None:
    engine = Interrupted()
    await write(engine, "k", "a", "b", "c")
    engine.meanwhile = [lambda: shorten(engine, 2, ["a", "b"])]
    assert await recovered(engine, skip_deleted=True) == ["a", "b", "c"]


async def test_all_begins_again_with_a_fresh_initial_state() -> None:
    async def in_place(state: list[Any], msg: Any, ctx: Any) -> list[Any]:
        if msg == "b":
            await shorten(engine, 3, ["of", "another", "history"], event_id="another event")
        if msg != GET:
            state.append(msg)
        dispatch(ctx.sender, state)
        return state

    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c", "d")
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, in_place, key="k", initial_state_func=lambda _: [], skip_deleted=True)
        assert await ask(ref) == ["d"]


@pytest.mark.parametrize("wrong", [None, 1, "yes"])
async def test_skip_deleted_is_true_or_false(wrong: Any) -> None:
    async with start(configure_persistence(RiggedEngine())) as system:
        with pytest.raises(TypeError, match="skip_deleted must be True or False"):
            spawn_persistent(system, collect, key="k", initial_state=[], skip_deleted=wrong)
        with pytest.raises(TypeError, match="skip_deleted must be True or False"):
            persistent_query(system, append, key="k", initial_state=[], skip_deleted=wrong)


# --- persistent queries ----------------------------------------------------------------------------------------------


async def test_a_query_over_deleted_events_raises() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(
            system,
            collect,
            key="k",
            initial_state=[],
            snapshot_every=2,
            retention=KEEP_ONE,
            on_crash=Judge(Decision.STOP),
        )
        for msg in "abc":
            await ask(ref, msg)
        current = persistent_query(system, append, key="k", initial_state=[])
        for _ in range(2):
            with pytest.raises(CorruptJournalError, match="events 1 to 2 were deleted"):
                await current()


async def test_a_query_that_had_read_deleted_events_goes_on() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[])
        assert await current() == ["a", "b", "c"]
        await engine.delete_events("k", up_to=3)
        assert await current() == ["a", "b", "c"]
        await write(engine, "k", "d", after=3)
        assert await current() == ["a", "b", "c", "d"]


async def test_a_query_that_missed_deleted_events_raises() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[])
        assert await current() == ["a", "b"]
        await write(engine, "k", "c", "d", after=2)
        await engine.delete_events("k", up_to=3)
        with pytest.raises(CorruptJournalError, match="event 3 was deleted"):
            await current()


async def test_a_query_goes_on_with_a_snapshot_that_covers() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine)) as system:
        options: dict[str, Any] = {"initial_state": [], "snapshot_key": "q", "snapshot_every": 3}
        current = persistent_query(system, append, key="k", **options)
        assert await current() == ["a", "b"]
        await write(engine, "k", "c", "d", after=2)
        assert await persistent_query(system, append, key="k", **options)() == ["a", "b", "c", "d"]
        await engine.delete_events("k", up_to=4)
        await write(engine, "k", "e", after=4)
        assert await current() == ["a", "b", "c", "d", "e"]


async def test_a_query_can_skip_deleted_events() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.delete_events("k", up_to=2)
    async with start(configure_persistence(engine)) as system:
        assert await persistent_query(system, append, key="k", initial_state=[], skip_deleted=True)() == ["c"]


async def test_a_query_reads_again_a_journal_that_lost_its_end(caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[])
        assert await current() == ["a", "b", "c"]
        del engine._storage.events["k"][1:]
        await write(engine, "k", "B", "C", "D", after=1)
        assert await current() == ["a", "B", "C", "D"]
        del engine._storage.events["k"][2:]
        assert await current() == ["a", "B"]
    assert "the journal of key 'k' is no longer what was read up to event 3" in caplog.text


# --- what a snapshot stands on ---------------------------------------------------------------------------------------


def snapshot(event: PersistedEvent, state: list[Any]) -> PersistedSnapshot:
    return PersistedSnapshot(key="k", sequence_number=event.sequence_number, data=state, event_id=event.event_id)


async def test_a_snapshot_of_another_history_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    lost = PersistedEvent(key="k", sequence_number=2, data="lost")
    await engine.take_snapshot(snapshot(lost, ["a", "lost"]))
    assert await recovered(engine) == ["a", "b", "c"]
    assert "it stands on another event 2 than the one in the journal" in caplog.text


async def test_a_snapshot_counts_while_a_tombstone_remembers_its_event() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    second = [event async for event in engine.events("k")][1]
    await engine.take_snapshot(snapshot(second, ["A", "B"]))
    await engine.delete_events("k", up_to=2)
    assert await recovered(engine) == ["A", "B", "c"]


async def test_a_tombstone_of_another_event_doesnt_make_a_snapshot_count() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    await engine.take_snapshot(snapshot(PersistedEvent(key="k", sequence_number=2, data="lost"), ["a", "lost"]))
    await engine.delete_events("k", up_to=2)
    error = await fault_of(engine)
    assert "events 1 to 2 were deleted" in error.reason
    assert "the snapshot at 2 can't be used" in error.reason


async def test_a_snapshot_whose_event_is_gone_altogether_doesnt_count() -> None:
    engine = Scripted(scripted_event(1), scripted_event(2), scripted_event(4))
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=3, data=[1, 2, 3], event_id="gone"))
    assert "event 3 is missing" in (await fault_of(engine)).reason


async def test_a_number_that_was_given_out_isnt_the_event() -> None:
    class Remembers(Scripted):
        async def highest_sequence_number(self, key: str) -> int:
            return 3

    engine = Remembers(scripted_event(1), scripted_event(2))
    await engine.take_snapshot(PersistedSnapshot(key="k", sequence_number=3, data=[1, 2, 3], event_id="gone"))
    assert await recovered(engine) == [1, 2]


async def test_a_snapshot_that_was_rejected_counts_when_it_was_taken_again() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b", "c")
    ahead = PersistedSnapshot(key="q", sequence_number=5, data=["of a lost journal"])
    await engine.take_snapshot(ahead)
    async with start(configure_persistence(engine)) as system:
        current = persistent_query(system, append, key="k", initial_state=[], snapshot_key="q")
        assert await current() == ["a", "b", "c"]
        await write(engine, "k", "d", "e", "f", after=3)
        await engine.take_snapshot(PersistedSnapshot(key="q", sequence_number=5, data=["a to e"]))
        await engine.delete_events("k", up_to=5)
        assert await current() == ["a to e", "f"]


async def test_an_actors_snapshot_names_the_event_that_it_stands_on() -> None:
    engine = RiggedEngine()
    async with start(configure_persistence(engine)) as system:
        ref = spawn_persistent(system, collect, key="k", initial_state=[], snapshot_every=2)
        for msg in "ab":
            await ask(ref, msg)
    last = [event async for event in MemoryPersistenceEngine(engine._storage).events("k")][-1]
    taken = await MemoryPersistenceEngine(engine._storage).latest_snapshot("k")
    assert taken is not None
    assert (taken.sequence_number, taken.event_id) == (2, last.event_id)


async def test_a_querys_snapshot_names_the_event_that_it_stands_on() -> None:
    engine = RiggedEngine()
    await write(engine, "k", "a", "b")
    async with start(configure_persistence(engine, close=False)) as system:
        await persistent_query(system, append, key="k", initial_state=[], snapshot_key="q", snapshot_every=1)()
    taken = await engine.latest_snapshot("q")
    assert taken is not None
    assert taken.event_id == [event async for event in engine.events("k")][-1].event_id
