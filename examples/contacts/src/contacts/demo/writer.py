"""The process that is killed: runs the contacts service, tells what it finds there, and writes until it dies."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from contacts.actors import spawn_contacts_service
from contacts.demo.reports import Acknowledged, Found, Report
from contacts.messages import Contact, ContactList, CreateContact, Details, ListContacts, Request
from nact import ActorRef, NactError, configure_persistence, engine_from_url, query, seconds, start

FIRST_NAMES = ("Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Kathleen", "Leslie", "Margaret", "Radia")
LAST_NAMES = ("Allen", "Booth", "Dijkstra", "Hamilton", "Hoare", "Hopper", "Lamport", "Liskov", "Lovelace", "Turing")


def report(what: Report) -> None:
    """Tells the demo. When this returns, the report outlives this process."""
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


async def tell_what_is_there(service: ActorRef[Request], user: str) -> None:
    """Reports the contacts that the user's actor has recovered."""
    match await query(service, ListContacts(user), 30 * seconds):
        case ContactList(contacts):
            report(Found(user, contacts))
        case answer:
            raise AssertionError(f"expected the contacts of {user}, not {answer!r}")


async def write_contacts(service: ActorRef[Request], user: str, chance: random.Random) -> None:
    """Creates one contact after another, for ever, and reports each that is acknowledged."""
    while True:
        name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
        details = Details(name=name, email=f"{name.lower().replace(' ', '.')}@example.com")
        match await query(service, CreateContact(user, details), 30 * seconds):
            case Contact() as contact:
                report(Acknowledged(user, contact))
            case answer:
                raise AssertionError(f"expected a contact, not {answer!r}")


async def run(url: str, users: Sequence[str], seed: str, *, writes: bool) -> None:
    """Runs the service on the journal that `url` names."""
    async with start(configure_persistence(engine_from_url(url)), name="demo") as system:
        service = spawn_contacts_service(system)
        await for_each(users, lambda user: tell_what_is_there(service, user))
        if writes:
            chances = {user: random.Random(seed + user) for user in users}  # noqa: S311 - they needn't be secrets
            await for_each(users, lambda user: write_contacts(service, user, chances[user]))


async def for_each(users: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Does the work for all users at once. The first failure ends it, and is raised."""
    await asyncio.gather(*map(work, users))


def main() -> None:
    """What the demo starts: `python -m contacts.demo.writer (write|read) URL SEED USER...`."""
    what, url, seed, *users = sys.argv[1:]
    try:
        asyncio.run(run(url, users, seed, writes=what == "write"))
    except NactError as error:
        sys.exit(f"The contacts process failed: {error}")
    except BrokenPipeError:
        os._exit(1)  # the demo is gone; Python would complain that it can't flush stdout


if __name__ == "__main__":
    main()
