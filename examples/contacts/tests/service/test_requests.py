"""What the contacts service answers."""

from itertools import combinations

import pytest

from contacts import Contact, GetContact, NotFound, Refused, RemoveContact, Request, UpdateContact
from contacts.actors import actor_name
from contacts.messages import Changes, Details

from .client import Serve, journal

pytestmark = pytest.mark.anyio

STRANGE_IDS = ["ada@example.com", "a/b", "a b", "a~b", "a%7Eb", "a!7Eb", "Ada", "ada", "é", "e\u0301", "名"]


async def test_a_new_contact_has_an_id_by_which_it_can_be_got(serve: Serve) -> None:
    async with serve() as client:
        contact = await client.create()
        assert contact == Contact(id=contact.id, name="Grace Hopper", email="grace@example.com", phone="1906")
        assert await client.ask(GetContact("ada", contact.id)) == contact


async def test_two_contacts_with_the_same_details_are_two_contacts(serve: Serve) -> None:
    async with serve() as client:
        assert (await client.create()).id != (await client.create()).id


async def test_contacts_are_listed_by_name(serve: Serve) -> None:
    async with serve() as client:
        for name in ("Radia", "Ada", "Grace"):
            await client.create(details=Details(name=name))
        assert [contact.name for contact in await client.contacts()] == ["Ada", "Grace", "Radia"]


async def test_an_update_changes_what_it_names_and_nothing_else(serve: Serve) -> None:
    async with serve() as client:
        contact = await client.create()
        updated = await client.ask(UpdateContact("ada", contact.id, Changes(email="admiral@example.com", phone=None)))
        assert updated == Contact(id=contact.id, name="Grace Hopper", email="admiral@example.com", phone=None)
        assert await client.ask(GetContact("ada", contact.id)) == updated


async def test_an_update_that_changes_nothing_is_answered_and_not_persisted(serve: Serve, url: str) -> None:
    async with serve() as client:
        contact = await client.create()
        assert await client.ask(UpdateContact("ada", contact.id, Changes(name="Grace Hopper"))) == contact
        assert await client.ask(UpdateContact("ada", contact.id, Changes())) == contact
    assert len(await journal(url)) == 1


async def test_a_removed_contact_is_answered_once_more_and_then_not_found(serve: Serve) -> None:
    async with serve() as client:
        contact = await client.create()
        assert await client.ask(RemoveContact("ada", contact.id)) == contact
        assert await client.ask(GetContact("ada", contact.id)) == NotFound(contact.id)
        assert await client.contacts() == []


@pytest.mark.parametrize(
    "request_", [GetContact("ada", "x"), UpdateContact("ada", "x", Changes(name="X")), RemoveContact("ada", "x")]
)
async def test_a_request_about_an_unknown_contact_is_answered_not_found(serve: Serve, request_: Request) -> None:
    async with serve() as client:
        assert await client.ask(request_) == NotFound("x")


async def test_each_user_has_an_address_book_of_their_own(serve: Serve) -> None:
    async with serve() as client:
        contact = await client.create("ada")
        assert await client.contacts("grace") == []
        assert await client.ask(RemoveContact("grace", contact.id)) == NotFound(contact.id)
        assert await client.contacts("ada") == [contact]


async def test_any_text_can_be_a_users_id(serve: Serve) -> None:
    async with serve() as client:
        contacts = {user: await client.create(user, Details(name=user)) for user in STRANGE_IDS}
        for user, contact in contacts.items():
            assert await client.contacts(user) == [contact]


async def test_no_two_users_share_an_actor() -> None:
    for one, other in combinations(STRANGE_IDS, 2):
        assert actor_name(one) != actor_name(other)


async def test_what_cannot_be_stored_is_refused_and_changes_nothing(serve: Serve, url: str) -> None:
    async with serve() as client:
        contact = await client.create()
        answer = await client.ask(UpdateContact("ada", contact.id, Changes(name="half a \ud83d")))
        assert isinstance(answer, Refused)
        assert "name" in answer.reason
        assert await client.contacts() == [contact]
    assert len(await journal(url)) == 1
