"""An address book of persistent actors, one for each user."""

from contacts.actors import spawn_contacts_service
from contacts.messages import (
    Answer,
    Contact,
    ContactList,
    CreateContact,
    GetContact,
    ListContacts,
    NotFound,
    Refused,
    RemoveContact,
    Request,
    UpdateContact,
)

__all__ = [
    "Answer",
    "Contact",
    "ContactList",
    "CreateContact",
    "GetContact",
    "ListContacts",
    "NotFound",
    "Refused",
    "RemoveContact",
    "Request",
    "UpdateContact",
    "spawn_contacts_service",
]
