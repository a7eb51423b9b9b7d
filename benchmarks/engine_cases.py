"""Cases that every engine's suite has, so that all engines are drawn alike.

How rates change with the number of actors, and of stored events; and how long a persist takes. `code` is
where a subject's function is, as in `Subject.code`; peers are names with their codes. The functions with nact are those
of `persisting` and `growing`, given an engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.load import ACTORS
from benchmarks.model import Case, Subject, Target

NACT = "nact"
OTHER_NUMBERS = {10: 5_000, 100: 20_000, 10_000: 20_000}
"""How many events so many actors persist. Each suite has one actor, and 1000, with subjects and targets of its own."""

SIZES = (10_000, 100_000, 1_000_000)
"""How many events are stored already."""


def by_number_of_actors(code: str, *, limit: Subject, peers: Mapping[str, str]) -> Iterable[Case]:
    """`persist, 10 actors`, and the other numbers: nact, the limit, and peers with as many writers at once.

    Args:
        code: Of `persisting.persist`.
        limit: The subject that shows what the storage can do at best. It needn't heed the number of writers.
        peers: They do a quarter of the events. What comes before a comma in their names is their series.
    """
    for number, n in OTHER_NUMBERS.items():
        yield Case(
            name=f"persist, {number:,} actors",
            unit="events/s",
            n=n,
            reference=limit.name,
            subjects=(
                Subject(name=NACT, code=code, writers=number),
                limit,
                *[_peer(name, at, number) for name, at in peers.items()],
            ),
        )


def _peer(name: str, code: str, writers: int) -> Subject:
    return Subject(name=name, code=code, writers=writers, share=0.25, series=name.partition(",")[0])


def latencies(code: str, *, one: Mapping[str, str], many: Mapping[str, str]) -> Iterable[Case]:
    """`latency of a persist, one actor` and `... 1000 actors`, all of them as fast as they can.

    Args:
        code: Of `persisting.persist_latencies`.
        one: Peers that write one event after another; the first is the reference.
        many: Peers with 1000 writers at once; the first is the reference.
    """
    for name, peers, writers, n in (("one actor", one, 1, 2_000), (f"{ACTORS} actors", many, ACTORS, 20_000)):
        yield Case(
            name=f"latency of a persist, {name}",
            unit="ms",
            n=n,
            reference=next(iter(peers)),
            subjects=(
                Subject(name=NACT, code=code, writers=writers),
                *[Subject(name=peer, code=at, writers=writers) for peer, at in peers.items()],
            ),
            less_is_better=True,
        )


def growth(
    persist: str,
    read: str,
    *,
    prepare: str,
    sizes: tuple[int, ...] = SIZES,
    one_at_least: float | None = None,
    many_at_least: float | None = None,
    read_at_least: float | None = None,
) -> Iterable[Case]:
    """Three cases `..., as the journal grows`, whose subjects differ by what was stored before.

    Args:
        persist: Of `growing.persist`.
        read: Of `growing.read`.
        prepare: Of `growing.fill`, called once for each size, `run.stored`; the other two find it by `run.stored`.
        sizes: Ascending.
        one_at_least: Target of one actor's rate at the largest size, in parts of that at the smallest.
        many_at_least: The same for 1000 actors.
        read_at_least: The same for a read of 100 events, in parts of that at the size before the largest.
    """
    names = [f"{NACT}, {size:,} events" for size in sizes]
    for name, code, writers, n, bound, base in (
        ("persist, one actor", persist, 1, 1_000, one_at_least, 0),
        (f"persist, {ACTORS} actors", persist, ACTORS, 20_000, many_at_least, 0),
        ("read of 100 events", read, 1, 20_000, read_at_least, -2),
    ):
        yield Case(
            name=f"{name}, as the journal grows",
            unit="events/s",
            n=n,
            rounds=2,  # filling takes longest, and a sample is short
            reference=names[0],
            prepare=prepare,
            subjects=tuple(
                Subject(name=subject, code=code, writers=writers, stored=size)
                for subject, size in zip(names, sizes, strict=True)
            ),
            targets=() if bound is None else (Target(subject=names[-1], bound=bound, of=names[base]),),
        )
