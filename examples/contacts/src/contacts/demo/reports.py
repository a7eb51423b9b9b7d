"""What a contacts process reports to the demo that started it: one line of JSON on stdout for each report."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from contacts.messages import Contact


class Found(Struct, frozen=True, tag=True):
    """What a user's actor has recovered, before anything new is written."""

    user: str
    contacts: tuple[Contact, ...]


class Acknowledged(Struct, frozen=True, tag=True):
    """A new contact, reported when the actor has answered that it is in the journal, and never before."""

    user: str
    contact: Contact


Report: TypeAlias = Found | Acknowledged
