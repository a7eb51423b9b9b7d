"""Compares the side log with what is stored: is anything lost, doubled or contradicted?

A state's hash depends on every event before it, so one rule covers actors, readers and snapshots: for each number there
is one state, and the event of that number makes it of the one before. Where the event of a number isn't known (it was
in doubt, stored, and deleted after a snapshot), it must be one of those whose fate isn't known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from storms.folding import START, digest, step
from storms.ledger import Line
from storms.stored import Stored

TRANSIENT = ("CorruptJournalError",)
"""What a reader beside deleting writers may be told. That the key can be read afterwards is checked at the end."""


@dataclass(slots=True)
class Verdict:
    """What a check found; verdicts can be added up.

    Attributes:
        counts: How many events were acknowledged, in doubt, refused, lost, doubled, contradicted; and the answers.
        violations: What is wrong, a sentence each.
    """

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Takes over what another check found."""
        self.counts += other.counts
        self.violations += other.violations

    def blame(self, kind: str, sentence: str) -> None:
        """Adds a violation: `lost`, `doubled`, `contradicted` or `failed`."""
        self.counts[kind] += 1
        self.violations.append(f"{kind}: {sentence}")


def check(log: Iterable[Line], by_engine: dict[str, Stored], by_client: dict[str, Stored]) -> Verdict:
    """What is wrong in the journals of these keys.

    Args:
        log: The lines of the side log.
        by_engine: What the engine tells of each key.
        by_client: What the database's own client tells.
    """
    by_key: dict[str, list[Line]] = defaultdict(list)
    for line in log:
        by_key[line["key"]].append(line)
    verdict = Verdict()
    for key in sorted(by_engine.keys() | by_client.keys() | by_key.keys()):
        client = by_client.get(key, Stored())
        _compare(key, by_engine.get(key, Stored()), client, verdict)
        _Key(key, by_key[key], client, verdict).check()
    return verdict


def _compare(key: str, engine: Stored, client: Stored, verdict: Verdict) -> None:
    """The engine tells what there is."""
    if engine.events != client.events:
        told, there = ([event.number for event in each.events] for each in (engine, client))
        verdict.blame("contradicted", f"{key}: the engine tells the events {told}, and the database holds {there}")
    if (engine.deleted, engine.tombstone_id) != (client.deleted, client.tombstone_id):
        verdict.blame(
            "contradicted", f"{key}: tombstone {engine.deleted} by the engine, {client.deleted} by the client"
        )
    latest = {max(client.snapshots): client.snapshots[max(client.snapshots)]} if client.snapshots else {}
    if engine.snapshots != latest:
        verdict.blame(
            "contradicted", f"{key}: latest snapshot {engine.snapshots} by the engine, {latest} by the client"
        )


class _Key:
    """The check of one key."""

    def __init__(self, key: str, log: list[Line], stored: Stored, verdict: Verdict) -> None:
        self._key = key
        self._stored = stored
        self._verdict = verdict
        self._of_kind: dict[str, list[Line]] = defaultdict(list)
        for line in log:
            self._of_kind[line["kind"]].append(line)
        self._digests = {line["nonce"]: line["digest"] for line in self._of_kind["tries"]}
        self._refused = {line["nonce"]: line for line in self._of_kind["refused"]}
        self._acknowledged: dict[int, Line] = {}
        self._events = {event.number: event for event in stored.events}

    def check(self) -> None:
        self._count()
        self._check_acknowledgements()
        self._check_density()
        self._check_stored_events()
        self._check_failures()
        self._check_states(dict(self._states()))

    def _count(self) -> None:
        decided = {line["nonce"] for kind in ("acknowledged", "refused") for line in self._of_kind[kind]}
        self._verdict.counts += Counter({
            "acknowledged": len(self._of_kind["acknowledged"]),
            "refused": len(self._refused),
            "in doubt": len(self._digests.keys() - decided),
            "answers": len(self._of_kind["answered"]),
        })  # fmt: skip

    def _blame(self, kind: str, sentence: str) -> None:
        self._verdict.blame(kind, f"{self._key}: {sentence}")

    def _check_acknowledgements(self) -> None:
        """No number has two winners, no event two numbers; each is in the journal, or was deleted after a snapshot."""
        places: dict[str, int] = {}
        for line in self._of_kind["acknowledged"]:
            number, nonce = line["number"], line["nonce"]
            if (other := self._acknowledged.setdefault(number, line)) is not line:
                self._blame("contradicted", f"number {number} has two winners, {other['nonce']} and {nonce}")
            if places.setdefault(nonce, number) != number:
                self._blame("doubled", f"{nonce} was acknowledged as {places[nonce]} and as {number}")
            if line["counted"] != number:
                self._blame("contradicted", f"event {number} was acknowledged with a state of {line['counted']} events")
            self._check_is_there(line)

    def _check_is_there(self, line: Line) -> None:
        number, stored = line["number"], self._events.get(line["number"])
        if number <= self._stored.deleted:
            if number == self._stored.deleted and line["event_id"] != self._stored.tombstone_id:
                self._blame("contradicted", f"the tombstone of event {number} remembers {self._stored.tombstone_id}")
        elif stored is None:
            self._blame(
                "lost", f"event {number} ({line['nonce']}, {line['event_id']}) was acknowledged by {line['by']}"
            )
        elif stored.event_id != line["event_id"]:
            self._blame("lost", f"event {number} ({line['nonce']}) was acknowledged; there is {stored.data['nonce']}")

    def _check_density(self) -> None:
        """After the tombstone every number is there, once, in order; what was deleted is covered by a snapshot."""
        numbers = [event.number for event in self._stored.events]
        deleted = self._stored.deleted
        if numbers != list(range(deleted + 1, deleted + 1 + len(numbers))):
            self._blame("contradicted", f"the journal has the tombstone {deleted} and then the events {numbers}")
        if deleted and not any(number >= deleted for number in self._stored.snapshots):
            self._blame("lost", f"events up to {deleted} were deleted, and no snapshot holds what they did")

    def _check_stored_events(self) -> None:
        """What is stored is what was tried, whole, once, and not what was refused."""
        places: dict[str, int] = {}
        for event in self._stored.events:
            nonce = event.data["nonce"]
            if self._digests.get(nonce) != digest(event.data):
                self._blame("contradicted", f"event {event.number} ({nonce}) isn't what was persisted")
            if places.setdefault(nonce, event.number) != event.number:
                self._blame("doubled", f"{nonce} is stored as {places[nonce]} and as {event.number}")
            if refusal := self._refused.get(nonce):
                self._blame("contradicted", f"event {event.number} ({nonce}) is stored: {refusal['error']}")

    def _check_failures(self) -> None:
        last = max(self._events, default=self._stored.deleted)
        for line in self._of_kind["recovered"]:
            if line["n"] != last:
                self._blame(
                    "lost", f"the journal ends with {last}, and an actor recovers a state of {line['n']} events"
                )
        for line in self._of_kind["unreadable"]:
            self._blame("failed", f"no actor starts any more: {line['type']}: {line['error']}")
        for line in self._of_kind["failed"]:
            if line["reads_only"] and line["type"] in TRANSIENT:
                self._verdict.counts["unreadable for a while"] += 1
            else:
                self._blame("failed", f"{line['by']}: {line['type']}: {line['error']}")

    # --- states ----------------------------------------------------------------------------------------------

    def _claims(self) -> Iterator[tuple[int, str, str]]:
        """A number, the hash of the state there, and who says so."""
        for line in self._of_kind["acknowledged"]:
            yield line["counted"] - 1, line["before"], f"{line['by']} before it persisted {line['number']}"
            yield line["counted"], line["after"], f"{line['by']} when it had persisted {line['number']}"
        for number, state in sorted(self._stored.snapshots.items()):
            if state["n"] != number:
                self._blame("contradicted", f"the snapshot {number} is a state of {state['n']} events")
            yield state["n"], state["hash"], f"the snapshot {number}"
        for line in self._of_kind["answered"] + self._of_kind["recovered"]:
            yield line["n"], line["hash"], f"the answer to {line['by']}"

    def _states(self) -> Iterator[tuple[int, str]]:
        """The state at each number for which somebody told one, in order."""
        told: dict[int, tuple[str, str]] = {0: (START["hash"], "the beginning")}
        for number, hash_, by in self._claims():
            known, first = told.setdefault(number, (hash_, by))
            if known != hash_:
                self._blame("contradicted", f"two states of {number} events: of {first}, and of {by}")
        yield from sorted((number, hash_) for number, (hash_, _) in told.items())

    def _check_states(self, states: dict[int, str]) -> None:
        """Each state is made of the one before by the events between them; and there are events for all of them."""
        (before, hash_), *others = states.items()
        for number, told in others:
            if not self._leads(before, hash_, number, told):
                self._blame("contradicted", f"the state at {number} isn't that at {before} and the events after it")
            before, hash_ = number, told

    def _leads(self, number: int, hash_: str, to: int, wanted: str) -> bool:
        if number == to:
            return hash_ == wanted
        return any(self._leads(number + 1, step(hash_, each), to, wanted) for each in self._candidates(number + 1))

    def _candidates(self, number: int) -> Iterable[str]:
        """The digest of the event with this number, or of those that it may have been."""
        if stored := self._events.get(number):
            return [digest(stored.data)]
        if line := self._acknowledged.get(number):
            return [self._digests[line["nonce"]]]
        return self._unknown() if number <= self._stored.deleted else ()

    def _unknown(self) -> list[str]:
        decided = self._refused.keys() | {line["nonce"] for line in self._of_kind["acknowledged"]}
        here = {event.data["nonce"] for event in self._stored.events}
        return [digest_ for nonce, digest_ in self._digests.items() if nonce not in decided | here]
