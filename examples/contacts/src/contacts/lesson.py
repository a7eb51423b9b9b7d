"""An address book that remembers: `python -m contacts.lesson Ada ada@example.com`, and again with somebody else."""

import asyncio
import sys

from nact import PersistentContext, configure_persistence, dispatch, engine_from_url, query, spawn_persistent, start

Contact = dict[str, str]
Book = dict[str, str]


async def contacts(book: Book, contact: Contact, ctx: PersistentContext[Contact, Contact]) -> Book:
    """Adds a contact, and answers with all of them."""
    if not ctx.recovering:
        await ctx.persist(contact)  # when this returns, the contact is on disk
    book = {**book, contact["name"]: contact["email"]}
    dispatch(ctx.sender, book)
    return book


async def main(name: str, email: str) -> None:
    """Adds one, and prints all that were ever added."""
    engine = engine_from_url("sqlite:///lesson.db")
    async with start(configure_persistence(engine)) as system:
        actor = spawn_persistent(system, contacts, key="contacts", initial_state={})
        print(await query(actor, {"name": name, "email": email}, timeout=5))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
