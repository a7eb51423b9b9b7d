"""What is left of the contacts when the service starts again."""

import pytest

from contacts import RemoveContact, UpdateContact
from contacts.messages import Changes, Details
from nact import configure_persistence, engine_from_url, start
from nact.persistence import SnapshotStore

from .client import Serve, journal

pytestmark = pytest.mark.anyio


async def test_whatever_was_answered_is_there_after_a_restart(serve: Serve) -> None:
    async with serve() as client:
        kept, gone = await client.create(), await client.create()
        updated = await client.ask(UpdateContact("ada", kept.id, Changes(name="Amazing Grace")))
        await client.ask(RemoveContact("ada", gone.id))
    async with serve() as client:
        assert await client.contacts() == [updated]


async def test_recovering_writes_nothing_to_the_journal(serve: Serve, url: str) -> None:
    async with serve() as client:
        await client.create()
    before = await journal(url)
    async with serve() as client:
        await client.contacts()
    assert await journal(url) == before


@pytest.mark.parametrize("count", [1, 4, 5, 6, 10, 13])
async def test_snapshots_make_no_difference_to_what_is_recovered(serve: Serve, count: int) -> None:
    async with serve(snapshot_every=5) as client:
        contacts = [await client.create(details=Details(name=f"{n:03}")) for n in range(count)]
    async with serve(snapshot_every=5) as client:
        assert await client.contacts() == contacts


async def test_snapshots_are_readable_json(serve: Serve, url: str) -> None:
    async with serve(snapshot_every=1) as client:
        contact = await client.create(details=Details(name="Grace"))
    engine = engine_from_url(url)
    assert isinstance(engine, SnapshotStore)
    async with start(configure_persistence(engine)):
        snapshot = await engine.latest_snapshot("contacts:ada")
    whole = {"id": contact.id, "name": "Grace", "email": None, "phone": None}
    assert snapshot is not None
    assert snapshot.data == {"type": "AddressBook", "version": 1, "data": {"contacts": {contact.id: whole}}}


async def test_events_are_readable_json(serve: Serve, url: str) -> None:
    async with serve() as client:
        contact = await client.create(details=Details(name="Grace"))
        await client.ask(UpdateContact("ada", contact.id, Changes(phone="1906")))
        await client.ask(RemoveContact("ada", contact.id))
    whole = {"id": contact.id, "name": "Grace", "email": None, "phone": None}
    assert [event.data for event in await journal(url)] == [
        {"type": "ContactCreated", "version": 1, "data": {"contact": whole}},
        {"type": "ContactUpdated", "version": 1, "data": {"contact_id": contact.id, "changes": {"phone": "1906"}}},
        {"type": "ContactRemoved", "version": 1, "data": {"contact_id": contact.id}},
    ]
