"""I: keys are isolated, and no two are taken for one."""

from __future__ import annotations

import unicodedata

from nact.errors import InvalidEventError, NactError, SequenceConflictError
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

PAIRS = {
    "case": ("Key", "key", "KEY"),
    "case of other alphabets": ("straße", "STRASSE", "İ", "i", "ı", "I", "ς", "σ"),
    "trailing blanks": ("a", "a ", "a  ", "a\t", "a\n", "a\u00a0"),
    "leading blanks": ("a", " a", "\ta", "\ufeffa"),
    "normal forms": tuple(unicodedata.normalize(form, "é ﬁ Å") for form in ("NFC", "NFD", "NFKC", "NFKD")),
    "accents and widths": ("resume", "résumé", "ｒｅｓｕｍｅ", "Resume\u0301"),
    "invisible characters": ("ab", "a\u200bb", "a\u00adb", "a\u200db", "a\u2060b"),
    "numbers": ("1", "01", "1.0", "+1", "1e0", "１"),
    "wildcards": ("a%", "a_", "a*", "a?", "ab", "a", "a.b", "a[b]"),
    "separators": ("a:b", "a/b", "a\\b", "a.b", "a|b", "a#b", "a", "b", "a::b", "{a}b", "a{b}"),
    "prefixes": ("a", "a1", "a10", "a1:0", "a:10"),
    "beyond the basic plane": ("😀", "😁", "\U0001f600\ufe0f", "\ud7ff", "\ue000", "\uffff", "\U0010ffff"),
}
"""Endings that some database or other takes for equal."""

ODD_KEYS = (
    *("%", "_", "*", "$", ".", ":", "{}", "{a}", "[]", "$set", "a.b", "..", "../etc", "/", "\\", "-", "--", ";"),
    *("'", '"', "`", "''", "'; DROP TABLE x; --", "${a}", "%s", "%(a)s", "?", ":1", "$1", "@", "#", "&", "<a>", "null"),
    *(
        "\t",
        "\n",
        "\r\n",
        "\x01",
        "\x7f",
        "\u2028",
        "\u202eabc",
        "é",
        "e\u0301",
        "ß",
        "日本語",
        "עברית",
        "😀" * 20,
        " ",
        " a ",
    ),
    *("None", "NULL", "true", "0", "-1", "__proto__", "constructor", "a" * 200, "Ω" * 200),
)
"""Whole keys that are fine, and that careless engines trip over."""


class IsolationLaws:
    """One key's trouble doesn't touch the others."""

    @law("I-01", guarantee=6)
    async def test_each_key_has_a_journal_of_its_own(self, trial: Trial) -> None:
        """Numbers count for each key, whatever the order in which the events of several arrive."""
        keys = [trial.key() for _ in range(5)]
        for number in range(1, 6):
            for key in keys:
                await trial.client.persist(event(key, number, f"{key} {number}"))
        for key in keys:
            found = [each.data for each in await trial.client.events(key)]
            trial.expect(found, [f"{key} {number}" for number in range(1, 6)], "a key yields its own events only")

    @law("I-02", guarantee=6)
    async def test_a_conflict_does_not_fail_other_keys(self, trial: Trial) -> None:
        """Events that travel together stand and fall alone: a conflict on one key is nothing to the others."""
        keys = [trial.key() for _ in range(40)]
        calls = [trial.client.persist(event(key, 1 + place % 2)) for place, key in enumerate(keys)]
        outcomes = await trial.outcomes(calls)
        for place, (key, outcome) in enumerate(zip(keys, outcomes, strict=True)):
            wanted = SequenceConflictError if place % 2 else type(None)
            trial.expect(
                type(outcome), wanted, "of forty persists at once, those of number 1 succeed, the others conflict"
            )
            stored = [] if place % 2 else [1]
            trial.expect(await trial.client.numbers(key), stored, "what was acknowledged is stored, and only that")

    @law("I-03", guarantee=6)
    async def test_a_bad_event_does_not_fail_other_keys(self, trial: Trial) -> None:
        """One event that can't be stored exactly is refused alone, though it travels with others."""
        keys = [trial.key() for _ in range(40)]
        data = [float("nan") if place % 10 == 5 else place for place in range(40)]
        calls = [trial.client.persist(event(key, 1, datum)) for key, datum in zip(keys, data, strict=True)]
        outcomes = await trial.outcomes(calls)
        for place, (key, outcome) in enumerate(zip(keys, outcomes, strict=True)):
            bad = place % 10 == 5
            wanted = InvalidEventError if bad else type(None)
            trial.expect(type(outcome), wanted, "of forty persists at once, those of NaN are refused, and only those")
            trial.expect(await trial.client.numbers(key), [] if bad else [1], "what was acknowledged is stored")

    @law("I-04", guarantee=9)
    async def test_no_two_keys_are_taken_for_one(self, trial: Trial) -> None:
        """Keys that differ in case, a trailing blank, a normal form or a wildcard are different keys."""
        for what, endings in PAIRS.items():
            common = trial.key("-")
            keys = list(dict.fromkeys(common + ending for ending in endings))
            for key in keys:
                await trial.client.persist(event(key, 1, key))
            for key in keys:
                found = [each.data for each in await trial.client.events(key)]
                trial.expect(found, [key], f"keys that differ in {what} have journals of their own")

    @law("I-05", guarantee=9)
    async def test_any_text_can_be_a_key(self, trial: Trial) -> None:
        """Quotes, wildcards, control characters, emoji, right-to-left: a key is any text that isn't empty."""
        for odd in ODD_KEYS:
            for key in (trial.key(odd), odd + trial.key()):
                stored = event(key, 1)
                await trial.client.persist(stored)
                await trial.expect_journal(key, [stored], f"{odd!r} can be in a key, and comes back")

    @law("I-06", guarantee=9)
    async def test_what_cannot_be_a_key_is_refused(self, trial: Trial) -> None:
        """Empty, not a string, not valid Unicode: TypeError or ValueError, never mapped to some other key."""
        for wrong in ("", None, 5, b"key", "\ud800", ("a",)):
            call = trial.client.events(wrong)  # type: ignore[arg-type]
            await trial.refused((TypeError, ValueError), call, f"events refuses the key {wrong!r}")

    @law("I-07", guarantee=9)
    async def test_a_key_that_the_store_cannot_hold_is_refused(self, trial: Trial) -> None:
        """A NUL, ten thousand characters: stored exactly, or refused before storing. Never cut off or altered."""
        for ending in ("\0", "a\0b", "x" * 1_000, "x" * 10_000, "Ω" * 10_000):
            key = trial.key(ending)
            stored = event(key, 1)
            try:
                await trial.client.persist(stored)
            except InvalidEventError:
                continue
            await trial.expect_journal(
                key, [stored], f"a key that ends with {ending[:4]!r} is stored exactly or refused"
            )
            await trial.expect_journal(key[:-1], [], "and isn't cut off")

    @law("I-08", guarantee=6)
    async def test_slow_readers_do_not_delay_other_keys(self, trial: Trial) -> None:
        """Readers that pause, each in the middle of its key, don't keep the others from reading and writing."""
        for _ in range(30):
            key = trial.key()
            await trial.fill(key, 2)
            await trial.client.next(await trial.client.replay(key))
        key = trial.key()
        await trial.fill(key, 2)
        trial.expect(await trial.client.numbers(key), [1, 2], "while thirty readers pause, other keys work")

    @law("I-09", guarantee=6)
    async def test_keys_written_at_once_all_succeed(self, trial: Trial) -> None:
        """Hundreds of actors persist at once through one engine; none of them fails for want of a connection."""
        keys = [trial.key() for _ in range(300)]
        for number in (1, 2):
            outcomes = await trial.outcomes(trial.client.persist(event(key, number)) for key in keys)
            failed = [outcome for outcome in outcomes if isinstance(outcome, NactError)]
            trial.expect(failed, [], "300 persists at once, each of its own key, all succeed")
        for key in keys[::20]:
            trial.expect(await trial.client.numbers(key), [1, 2], "and all are stored")

    @law("I-10", guarantee=6)
    async def test_keys_read_at_once_do_not_mix(self, trial: Trial) -> None:
        """Recoveries of many actors at once each get their own events."""
        keys = [trial.key() for _ in range(60)]
        await trial.at_once(trial.client.persist(event(key, 1, key)) for key in keys)
        await trial.at_once(trial.client.persist(event(key, 2, key)) for key in keys)
        found = await trial.outcomes(trial.client.events(key) for key in keys)
        for key, events in zip(keys, found, strict=True):
            data = [each.data for each in events] if isinstance(events, list) else events
            trial.expect(data, [key, key], "of sixty replays at once, each yields its own key's events")

    @law("I-11", guarantee=6)
    async def test_one_id_under_two_keys_is_two_events(self, trial: Trial) -> None:
        """A retry is the same key, number and id. The same id under another key is an event of its own."""
        key, other = trial.key(), trial.key()
        first = event(key, 1)
        twin = event(other, 1, event_id=first.event_id)
        await trial.client.persist(first)
        await trial.client.persist(twin)
        await trial.expect_journal(other, [twin], "the event under the other key is stored")
        await trial.expect_journal(key, [first], "and the first is unchanged")
