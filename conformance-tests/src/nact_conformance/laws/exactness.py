"""E: exact or refused."""

from __future__ import annotations

from typing import Any

from nact.errors import InvalidEventError
from nact.persistence import PersistedEvent
from nact_conformance._trying import values
from nact_conformance._trying.generated import for_all
from nact_conformance._trying.history import short
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class ExactnessLaws:
    """Values come back equal and of the same types, or are refused before anything is stored."""

    @law("E-01", guarantee=9)
    async def test_json_values_come_back_as_they_were(self, trial: Trial) -> None:
        """1 isn't 1.0, -0.0 isn't 0, 1e22 isn't an int, 2**53 + 1 isn't 2**53: each comes back as what it was."""
        await _round_trip(trial, values.EDGES)

    @law("E-02", guarantee=9)
    async def test_texts_come_back_as_they_were(self, trial: Trial) -> None:
        """Quotes, escapes, control characters, emoji, text that looks like a date: nothing is interpreted."""
        await _round_trip(trial, values.TEXTS)

    @law("E-03", guarantee=9)
    async def test_names_of_fields_come_back_as_they_were(self, trial: Trial) -> None:
        """Dots, dollar signs, an empty name: a database may give these a meaning, a journal doesn't."""
        await _round_trip(trial, [{name: {name: 1}} for name in values.NAMES])
        await _round_trip(trial, [dict.fromkeys(values.NAMES, 1)])

    @law("E-04", guarantee=9)
    async def test_any_json_value_comes_back_as_it_was(self, trial: Trial) -> None:
        """Generated data, metadata, tags and ends of keys: what was acknowledged comes back exactly."""

        async def check(given: tuple[Any, list[str], str, dict[str, Any]]) -> None:
            data, tags, ending, metadata = given
            key = trial.key(ending)
            stored = event(key, 1, [data], tags=tags, metadata=metadata)
            await trial.client.persist(stored)
            promise = f"data {short(data)}, metadata {short(metadata)}, tags {tags} and a key with {ending!r} come back"
            await trial.expect_journal(key, [stored], promise)

        await for_all(trial, values.events(), check, 40 * trial.settings.rounds)

    @law("E-05", guarantee=9)
    async def test_what_is_not_a_json_value_is_refused(self, trial: Trial) -> None:
        """NaN, tuples, int keys, bytes, dates, lone surrogates: an encoder would alter these, so they are refused."""
        key = trial.key()
        for good, wrong in enumerate(values.REFUSED):
            for data in (wrong, {"deep": [0, {"down": wrong}]}):
                call = trial.client.persist(event(key, good + 1, data))
                await trial.refused(InvalidEventError, call, f"data {short(data)} is refused with InvalidEventError")
            trial.expect(
                await trial.client.numbers(key, after=good), [], f"{short(wrong)} was refused before it was stored"
            )
            await trial.client.persist(event(key, good + 1))

    @law("E-06", guarantee=9)
    async def test_a_nul_is_kept_or_refused(self, trial: Trial) -> None:
        """Some stores can't hold a NUL in text. They refuse it; they don't drop it, and don't end the text there."""
        for data in ("\0", "a\0b", ["a\0"], {"a\0b": 1}, {"a": {"b": "\0c"}}):
            await _exact_or_refused(trial, event(trial.key(), 1, data), f"data {data!r} is stored exactly or refused")
        tagged = event(trial.key(), 1, tags=["a\0b"])
        await _exact_or_refused(trial, tagged, "a tag with a NUL is stored exactly or refused")

    @law("E-07", guarantee=9)
    async def test_deep_data_is_kept_or_refused(self, trial: Trial) -> None:
        """Sixty levels of lists and dicts come back; what is too deep for the store is refused, not lost."""
        for depth in (10, 60):
            stored = event(trial.key(), 1, _nested(depth))
            await trial.client.persist(stored)
            await trial.expect_journal(stored.key, [stored], f"data nested {depth} deep come back")
        for depth in (100, 150, 2_000, 100_000):
            deep = event(trial.key(), 1, _nested(depth))
            try:
                await trial.client.persist(deep)
            except InvalidEventError:
                await trial.expect_journal(
                    deep.key, [], f"data nested {depth} deep were refused before they were stored"
                )
            else:
                found = [_depth(each.data) for each in await trial.client.events(deep.key)]
                trial.expect(found, [depth], f"data nested {depth} deep that were acknowledged come back")

    @law("E-08", guarantee=9)
    async def test_tags_come_back_as_they_were(self, trial: Trial) -> None:
        """Any non-empty text can be a tag: blanks, separators, quotes and emoji are part of it."""
        texts = [text for text in values.TEXTS if len(text) < 1_000]
        for text in texts:
            stored = event(trial.key(), 1, tags=[text, text + "x", "plain"])
            await trial.client.persist(stored)
            await trial.expect_journal(stored.key, [stored], f"the tag {short(text)} comes back")

    @law("E-09", guarantee=9)
    async def test_times_come_back_as_they_were(self, trial: Trial) -> None:
        """`created_at` is the writer's, to the millisecond: not the database's clock, zone or precision."""
        for time in (0, 1, 999, 1_700_000_000_001, 253_402_300_799_999, 2**31, 2**53 - 1):
            stored = event(trial.key(), 1, created_at=time)
            await trial.client.persist(stored)
            await trial.expect_journal(stored.key, [stored], f"created_at={time} comes back")

    @law("E-10", guarantee=9)
    async def test_stored_data_is_independent_of_what_was_given(self, trial: Trial) -> None:
        """Data that the writer changes afterwards, or a reader changes, stay in the journal as they were persisted."""
        key, data = trial.key(), {"names": ["Ada"], "age": 36}
        await trial.client.persist(event(key, 1, data))
        data["names"].append("Bob")  # type: ignore[attr-defined]
        for _ in range(2):
            (found,) = await trial.client.events(key)
            trial.expect_same(
                found.data, {"names": ["Ada"], "age": 36}, "the event has the data that it was persisted with"
            )
            found.data["names"].clear()

    @law("E-11", Need.BATCHES, guarantee=9)
    async def test_batches_are_as_exact_as_single_events(self, trial: Trial) -> None:
        """A bulk path has an encoder of its own: the same values go through it unchanged."""
        key = trial.key()
        data = [*values.EDGES, *values.TEXTS]
        stored = [event(key, number, [datum], tags=["t", "u"]) for number, datum in enumerate(data, 1)]
        await trial.client.persist_all(stored)
        await trial.expect_journal(key, stored, "a batch of odd values comes back exactly")

    @law("E-12", guarantee=9)
    async def test_many_fields_and_long_lists_come_back(self, trial: Trial) -> None:
        """Thousands of fields or items aren't cut off, and their order in lists is kept."""
        for data in (
            {f"field {number}": number for number in range(5_000)},
            list(range(20_000, 0, -1)),
            ["", None] * 5_000,
        ):
            stored = event(trial.key(), 1, data)
            await trial.client.persist(stored)
            await trial.expect_journal(stored.key, [stored], f"{len(data)} items come back")

    @law("E-13", Need.SECOND_CLIENT, guarantee=9)
    async def test_another_client_reads_the_same_values(self, trial: Trial) -> None:
        """Exact values come from the storage, not from the memory of the client that wrote them."""
        key, other = trial.key(), await trial.another_client()
        data = [*values.EDGES, *(text for text in values.TEXTS if len(text) < 1_000)]
        stored = [event(key, number, [datum], tags=["a", "é"]) for number, datum in enumerate(data, 1)]
        for each in stored:
            await trial.client.persist(each)
        await trial.expect_journal(key, stored, "another client reads odd values exactly", client=other)


async def _round_trip(trial: Trial, data: Any) -> None:
    key = trial.key()
    stored = []
    for number, datum in enumerate(data, 1):
        stored.append(PersistedEvent(key=key, sequence_number=number, data=datum))
        await trial.client.persist(stored[-1])
    found = await trial.client.events(key)
    for each, meant in zip(found, stored, strict=False):
        trial.expect_same(each.data, meant.data, f"{short(meant.data)} comes back as it was")
    trial.expect_events(found, stored, "all values come back")


async def _exact_or_refused(trial: Trial, given: PersistedEvent, promise: str) -> None:
    try:
        await trial.client.persist(given)
    except InvalidEventError:
        await trial.expect_journal(given.key, [], f"{promise}; refused before it was stored")
    else:
        await trial.expect_journal(given.key, [given], promise)


def _nested(depth: int) -> Any:
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"down": value}
    return value


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list | dict):
        value = value["down"] if isinstance(value, dict) else value[0]
        depth += 1
    return depth
