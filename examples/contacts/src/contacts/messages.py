"""What the actors are asked, what they answer, and what they persist.

A request asks for something, and may be refused. An event says what has happened, and stands in the journal for good.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

Name: TypeAlias = Annotated[str, Meta(min_length=1)]


class Details(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user knows about somebody."""

    name: Name
    email: str | None = None
    phone: str | None = None


class Changes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New details. What is unset stays as it is."""

    name: Name | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class Contact(Struct, frozen=True, kw_only=True):
    """Somebody in a user's address book."""

    id: str
    name: str
    email: str | None = None
    phone: str | None = None


# --- requests, each about one user's address book ---------------------------------------------------------------------


class ListContacts(Struct, frozen=True):
    """Answered with a `ContactList`."""

    user_id: str


class GetContact(Struct, frozen=True):
    """Answered with the `Contact`."""

    user_id: str
    contact_id: str


class CreateContact(Struct, frozen=True):
    """Answered with the new `Contact` when it is in the journal."""

    user_id: str
    details: Details


class UpdateContact(Struct, frozen=True):
    """Answered with the `Contact` as it is now, when the change is in the journal."""

    user_id: str
    contact_id: str
    changes: Changes


class RemoveContact(Struct, frozen=True):
    """Answered with the `Contact` as it was, when its removal is in the journal."""

    user_id: str
    contact_id: str


Request: TypeAlias = ListContacts | GetContact | CreateContact | UpdateContact | RemoveContact


# --- answers ----------------------------------------------------------------------------------------------------------


class ContactList(Struct, frozen=True):
    """All contacts of a user, by name."""

    contacts: tuple[Contact, ...]


class NotFound(Struct, frozen=True):
    """The user has no such contact."""

    contact_id: str


class Refused(Struct, frozen=True):
    """What was asked for can't be stored. Nothing has changed."""

    reason: str


Answer: TypeAlias = Contact | ContactList | NotFound | Refused


# --- events -----------------------------------------------------------------------------------------------------------


class ContactCreated(Struct, frozen=True):
    """A new contact. Its id is in the event, so that it is the same after every recovery."""

    contact: Contact


class ContactUpdated(Struct, frozen=True):
    """Some details have changed."""

    contact_id: str
    changes: Changes


class ContactRemoved(Struct, frozen=True):
    """The contact is gone."""

    contact_id: str


Event: TypeAlias = ContactCreated | ContactUpdated | ContactRemoved
