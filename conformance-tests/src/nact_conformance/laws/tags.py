"""T: events are found by their tags."""

from __future__ import annotations

from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law

ALIKE = (
    "a",
    "A",
    "a ",
    " a",
    "a%",
    "a_",
    "ab",
    "á",
    "a\u0301",
    "a,b",
    "b,a",
    '"a"',
    "['a']",
    "{a}",
    "a\\",
    "a'",
    "*",
    "%",
    "ａ",
)
"""Tags that a careless comparison takes for each other."""


class TagLaws:
    """Every engine filters by tags."""

    @law("T-01", guarantee=2)
    async def test_only_events_with_the_tag_are_yielded(self, trial: Trial) -> None:
        """A filter leaves out the others, keeps the order, and isn't taken for a gap."""
        key = trial.key()
        for number in range(1, 13):
            await trial.client.persist(event(key, number, tags=["even"] if number % 2 == 0 else ["odd"]))
        found = [each.sequence_number for each in await trial.client.events(key, tags=["even"])]
        trial.expect(found, [2, 4, 6, 8, 10, 12], "tags=['even'] yields the events with that tag, in order")

    @law("T-02", guarantee=2)
    async def test_several_tags_mean_every_one_of_them(self, trial: Trial) -> None:
        """An event is yielded if it carries all the tags that were asked for, whatever else it carries."""
        key = trial.key()
        for number, tags in enumerate(("a", "b", "ab", "abc", "", "bc"), 1):
            await trial.client.persist(event(key, number, tags=list(tags)))
        wanted = {
            "a": [1, 3, 4],
            "ab": [3, 4],
            "ba": [3, 4],
            "abc": [4],
            "bc": [4, 6],
            "d": [],
            "ad": [],
            "": [1, 2, 3, 4, 5, 6],
        }
        for tags, numbers in wanted.items():
            found = [each.sequence_number for each in await trial.client.events(key, tags=list(tags))]
            trial.expect(found, numbers, f"tags={list(tags)} yields the events that carry all of them")

    @law("T-03", guarantee=9)
    async def test_tags_are_compared_exactly(self, trial: Trial) -> None:
        """Case, blanks, accents and wildcards count: 'a' isn't 'A', and '%' isn't everything."""
        key = trial.key()
        for number, tag in enumerate(ALIKE, 1):
            await trial.client.persist(event(key, number, tags=[tag]))
        for number, tag in enumerate(ALIKE, 1):
            found = [each.sequence_number for each in await trial.client.events(key, tags=[tag])]
            trial.expect(found, [number], f"tags=[{tag!r}] yields the event with exactly that tag")

    @law("T-04", guarantee=2)
    async def test_a_limit_counts_the_events_that_match(self, trial: Trial) -> None:
        """`limit` counts what is yielded, not what is looked at; `after` is the number, not a count of matches."""
        key = trial.key()
        for number in range(1, 31):
            await trial.client.persist(event(key, number, tags=["ten"] if number % 10 == 0 else []))
        for after, limit, wanted in ((0, 2, [10, 20]), (10, 1, [20]), (9, 5, [10, 20, 30]), (0, 0, []), (30, 3, [])):
            events = await trial.client.events(key, after=after, limit=limit, tags=["ten"])
            found = [each.sequence_number for each in events]
            trial.expect(found, wanted, f"after={after}, limit={limit}, tags=['ten'] yields {wanted}")

    @law("T-05", guarantee=2)
    async def test_a_tag_is_found_in_a_long_journal(self, trial: Trial) -> None:
        """Matches that lie far apart are all found: a page without any match isn't the journal's end."""
        key, count = trial.key(), 3_000
        events = [event(key, number, tags=["rare"] if number % 1_400 == 0 else []) for number in range(1, count + 1)]
        if trial.offers(Need.BATCHES):
            await trial.client.persist_all(events)
        else:
            for each in events:
                await trial.client.persist(each)
        found = [each.sequence_number for each in await trial.client.events(key, tags=["rare"])]
        trial.expect(found, [1_400, 2_800], "tags=['rare'] finds the events 1400 and 2800 of 3000")

    @law("T-06", guarantee=9)
    async def test_tags_that_cannot_be_are_refused(self, trial: Trial) -> None:
        """A single string, an empty tag, a number: refused with TypeError or ValueError, not guessed at."""
        key = trial.key()
        await trial.fill(key, 1)
        for wrong in ("tag", [""], [5], ["\ud800"], [None]):
            call = trial.client.events(key, tags=wrong)  # type: ignore[arg-type]
            await trial.refused((TypeError, ValueError), call, f"events refuses tags={wrong!r}")

    @law("T-07", guarantee=9)
    async def test_an_event_keeps_all_its_tags(self, trial: Trial) -> None:
        """A hundred tags come back, sorted, each once, and each finds the event."""
        key = trial.key()
        stored = event(key, 1, tags=[f"tag-{number}" for number in range(100)] * 2)
        await trial.client.persist(stored)
        await trial.expect_journal(key, [stored], "an event with a hundred tags comes back with all of them")
        for tag in ("tag-0", "tag-99"):
            found = await trial.client.events(key, tags=[tag, "tag-50"])
            trial.expect_events(found, [stored], f"it is found by {tag}")

    @law("T-08", guarantee=6)
    async def test_tags_are_looked_for_in_one_key_only(self, trial: Trial) -> None:
        """The same tag under another key is another key's."""
        key, other = trial.key(), trial.key()
        await trial.client.persist(event(key, 1, "mine", tags=["shared"]))
        await trial.client.persist(event(other, 1, "theirs", tags=["shared"]))
        found = [each.data for each in await trial.client.events(key, tags=["shared"])]
        trial.expect(found, ["mine"], "tags=['shared'] yields the events of the key that was asked for")
