"""The contacts service: a persistent actor for each user, and a parent that starts them when they are needed.

The parent, `system://contacts`, passes each request on to its child for the user: `system://contacts/ada` keeps Ada's
address book in the journal of `contacts:ada`.
"""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never
from urllib.parse import quote
from uuid import uuid4

from msgspec import structs

from contacts.book import AddressBook, changed
from contacts.messages import (
    Answer,
    Contact,
    ContactCreated,
    ContactRemoved,
    ContactUpdated,
    CreateContact,
    Event,
    GetContact,
    ListContacts,
    NotFound,
    Refused,
    RemoveContact,
    Request,
    UpdateContact,
)
from nact import (
    ActorRef,
    Context,
    Duration,
    InvalidEventError,
    PersistentContext,
    Retention,
    TypedCodec,
    dispatch,
    minutes,
    spawn_persistent,
    spawn_stateless,
)

BookContext: TypeAlias = PersistentContext[Request, Event]

EVENTS: TypedCodec[Event] = TypedCodec(ContactCreated | ContactUpdated | ContactRemoved)
SNAPSHOTS: TypedCodec[AddressBook] = TypedCodec(AddressBook)


def spawn_contacts_service(
    parent: ActorRef[Any], *, idle_after: Duration = 10 * minutes, snapshot_every: int = 100
) -> ActorRef[Request]:
    """An actor that answers every `Request` with an `Answer`, out of address books that survive any crash.

    A user's actor that fails is stopped, and its asker is told so: whether the request was carried out isn't known. The
    user's next request starts it again, and what was persisted tells.

    Args:
        parent: The system, or the actor above.
        idle_after: A user's actor is shut down when it wasn't asked anything for this time.
        snapshot_every: A user's actor takes a snapshot after this number of events.
    """

    def serve(request: Request, ctx: Context[Request]) -> None:
        # Nothing is awaited between finding the user's actor and dispatching to it, so it can't stop in between: one
        # that is idle has its message in time, and one that was told to stop isn't among the children any more.
        name = actor_name(request.user_id)
        book = ctx.children.get(name) or spawn_address_book(
            ctx.self, request.user_id, name, idle_after=idle_after, snapshot_every=snapshot_every
        )
        dispatch(book, request, ctx.sender)

    return spawn_stateless(parent, serve, "contacts")


def spawn_address_book(
    parent: ActorRef[Any], user_id: str, name: str, *, idle_after: Duration, snapshot_every: int
) -> ActorRef[Request]:
    """The actor of one user, which begins with what this user's actor has persisted before."""
    return spawn_persistent(
        parent,
        keep_address_book,
        key=f"contacts:{user_id}",
        name=name,
        initial_state=AddressBook(),
        apply=AddressBook.after,
        snapshot_every=snapshot_every,
        retention=Retention(snapshots=2),
        codec=EVENTS,
        snapshot_codec=SNAPSHOTS,
        shutdown_after=idle_after,
    )


def actor_name(user_id: str) -> str:
    """A name of the letters that names may have, another one for each user."""
    return quote(user_id, safe="").replace("~", "%7E").replace("%", "!")


async def keep_address_book(book: AddressBook, msg: Request, ctx: BookContext) -> AddressBook:
    """Handles a request. Events from the journal don't come here: `AddressBook.after` folds them at the start."""
    match msg:
        case ListContacts():
            dispatch(ctx.sender, book.listed())
            return book
        case CreateContact(_, details):
            new = Contact(id=uuid4().hex, **structs.asdict(details))
            return await _carry_out(book, ContactCreated(new), new, ctx)
        case GetContact() | UpdateContact() | RemoveContact():
            contact = book.contacts.get(msg.contact_id)
            if contact is not None:
                return await _about_one(book, contact, msg, ctx)
            dispatch(ctx.sender, NotFound(msg.contact_id))
            return book
        case _:
            assert_never(msg)


async def _about_one(
    book: AddressBook, contact: Contact, request: GetContact | UpdateContact | RemoveContact, ctx: BookContext
) -> AddressBook:
    match request:
        case UpdateContact(_, _, changes) if (new := changed(contact, changes)) != contact:
            return await _carry_out(book, ContactUpdated(contact.id, changes), new, ctx)
        case RemoveContact():
            return await _carry_out(book, ContactRemoved(contact.id), contact, ctx)
        case _:
            dispatch(ctx.sender, contact)
            return book


async def _carry_out(book: AddressBook, event: Event, answer: Answer, ctx: BookContext) -> AddressBook:
    """Persists first. Only what is in the journal is answered, and changes the state."""
    try:
        await ctx.persist(event)
    except InvalidEventError as error:
        dispatch(ctx.sender, Refused(str(error)))
        return book
    dispatch(ctx.sender, answer)
    return book.after(event)
