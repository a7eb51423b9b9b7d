"""K: the keys that there are."""

from __future__ import annotations

from nact.persistence import PersistedSnapshot
from nact_conformance._trying.needs import Need
from nact_conformance._trying.trial import Trial, event
from nact_conformance.law import law


class ListingLaws:
    """`keys` lists every key that ever had an event."""

    @law("K-01", Need.LISTING, guarantee=13)
    async def test_every_key_is_listed_once(self, trial: Trial) -> None:
        """Tools walk over all keys: each is there, and not once for each of its events."""
        prefix = trial.key("-")
        keys = [prefix + ending for ending in ("a", "b", "c")]
        for key in keys:
            await trial.fill(key, 3)
        trial.expect(sorted(await trial.client.keys(prefix)), keys, "three keys of three events are listed once each")

    @law("K-02", Need.LISTING, guarantee=9)
    async def test_a_prefix_is_compared_exactly(self, trial: Trial) -> None:
        """Case counts, and wildcards are ordinary characters: the prefix 'a%' lists what begins with 'a%'."""
        common = trial.key("-")
        endings = ("a", "A", "ab", "a%", "a%b", "a_", "a*", "a?", "a[", "a\\", "á", "a\u0301", "b", "a'")
        for ending in endings:
            await trial.client.persist(event(common + ending, 1))
        for prefix in ("", "a", "A", "a%", "a_", "a*", "a?", "a[", "a\\", "á", "a'", "z"):
            wanted = sorted(common + ending for ending in endings if ending.startswith(prefix))
            found = sorted(await trial.client.keys(common + prefix))
            trial.expect(found, wanted, f"the prefix {prefix!r} lists the keys that begin with it, and no others")

    @law("K-03", Need.LISTING, Need.DELETION, guarantee=10)
    async def test_a_key_stays_listed_when_its_events_are_deleted(self, trial: Trial) -> None:
        """Its numbers are still in use, so the key still exists."""
        key = trial.key()
        await trial.fill(key, 3)
        await trial.client.delete_events(key, up_to=3)
        trial.expect(await trial.client.keys(key), [key], "a key whose events are all deleted is listed")

    @law("K-04", Need.LISTING, guarantee=13)
    async def test_a_key_without_events_is_not_listed(self, trial: Trial) -> None:
        """A refused event, a read or a snapshot makes no key."""
        prefix = trial.key("-")
        refused = [event(prefix + "gap", 2), event(prefix + "bad", 1, {"not": float("nan")})]
        await trial.outcomes(trial.client.persist(each) for each in refused)
        await trial.client.events(prefix + "read")
        if trial.offers(Need.SNAPSHOTS):
            snapshot = PersistedSnapshot(key=prefix + "snapshot", sequence_number=1, data=1)
            await trial.client.take_snapshot(snapshot)
        trial.expect(await trial.client.keys(prefix), [], "keys that never had an event aren't listed")

    @law("K-05", Need.LISTING, guarantee=13)
    async def test_many_keys_are_all_listed(self, trial: Trial) -> None:
        """A listing in pages leaves none out and repeats none."""
        prefix = trial.key("-")
        keys = sorted(f"{prefix}{number}" for number in range(1_100))
        await trial.at_once(trial.client.persist(event(key, 1)) for key in keys)
        found = sorted(await trial.client.keys(prefix))
        counts = (len(found), len(set(found)))
        trial.expect(counts, (1_100, 1_100), "1100 keys are listed, each once")
        trial.expect(found, keys, "the keys that are listed are those that were written")

    @law("K-06", Need.LISTING, guarantee=8)
    async def test_nothing_is_held_while_the_consumer_of_a_listing_works(self, trial: Trial) -> None:
        """A tool may work on each key as it is listed: read it, write to it."""
        prefix = trial.key("-")
        keys = [f"{prefix}{number}" for number in range(5)]
        for key in keys:
            await trial.client.persist(event(key, 1))
        seen = []
        async for key in trial.client.listing(prefix):
            await trial.client.persist(event(key, 2))
            trial.expect(await trial.client.numbers(key), [1, 2], "while keys are listed, they can be written and read")
            seen.append(key)
        trial.expect(sorted(seen), keys, "writing to listed keys doesn't disturb the listing")

    @law("K-07", Need.LISTING, guarantee=9)
    async def test_odd_keys_are_listed_as_they_are(self, trial: Trial) -> None:
        """A listed key can be read: separators, quotes and emoji come back as they were given."""
        prefix = trial.key()
        keys = [
            prefix + ending
            for ending in (":a", "/a", "\\", " ", "\n", "é", "e\u0301", "😀", "'\"", "{a}", "%", "\u2028")
        ]
        for key in keys:
            await trial.client.persist(event(key, 1))
        trial.expect(sorted(await trial.client.keys(prefix)), sorted(keys), "odd keys are listed as they are")
