"""A user's address book: the state of an actor, and how events change it. Nothing here knows of actors."""

from __future__ import annotations

from typing import assert_never

from msgspec import UNSET, Struct, field, structs

from contacts.messages import Changes, Contact, ContactCreated, ContactList, ContactRemoved, ContactUpdated, Event


class AddressBook(Struct, frozen=True):
    """The contacts by their ids. It is never changed: an event makes a new one of it."""

    contacts: dict[str, Contact] = field(default_factory=dict)

    def listed(self) -> ContactList:
        """All contacts. They are sorted here, for a snapshot needn't keep the order of a dict."""
        return ContactList(tuple(sorted(self.contacts.values(), key=lambda contact: (contact.name, contact.id))))

    def after(self, event: Event) -> AddressBook:
        """The address book when this has happened: to an event of now, and to one from the journal, alike."""
        match event:
            case ContactCreated(contact):
                return AddressBook({**self.contacts, contact.id: contact})
            case ContactUpdated(contact_id, changes):
                return AddressBook({**self.contacts, contact_id: changed(self.contacts[contact_id], changes)})
            case ContactRemoved(contact_id):
                return AddressBook({key: contact for key, contact in self.contacts.items() if key != contact_id})
            case _:
                assert_never(event)


def changed(contact: Contact, changes: Changes) -> Contact:
    """The contact with these changes made."""
    return structs.replace(contact, **{name: new for name, new in structs.asdict(changes).items() if new is not UNSET})
