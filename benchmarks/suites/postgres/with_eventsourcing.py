"""The subjects: `eventsourcing`, as its manual has it: an application whose aggregates are saved event by event."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.load import BATCH, MESSAGE
from benchmarks.measuring import Stopwatch, memory_now, memory_peak
from benchmarks.model import Run

MB = 1024 * 1024
THREADS = 10


class Contacts(Aggregate):
    """Counts what it was told, as our actors do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    @staticmethod
    def create_id(name: str) -> UUID:
        """The same for the same name."""
        return uuid5(NAMESPACE_URL, name)

    @event("Told")
    def tell(self, message: dict[str, Any]) -> None:  # noqa: ARG002 - it is stored
        """One more event."""
        self.count += 1


def _book(run: Run) -> Application[UUID]:
    """The application. Its tables are its own."""
    server = urlsplit(run.server)
    return Application(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": server.path[1:],
            "POSTGRES_HOST": server.hostname or "",
            "POSTGRES_PORT": str(server.port or 5432),
            "POSTGRES_USER": unquote(server.username or ""),
            "POSTGRES_PASSWORD": unquote(server.password or ""),
            "POSTGRES_POOL_SIZE": str(THREADS),
        }
    )


def _persist(threads: int, run: Run) -> float:
    """Events a second, each saved before the next one is made; an aggregate for each thread."""
    each = max(1, run.n // threads)
    with _book(run) as book, ThreadPoolExecutor(threads) as pool:

        def work(contacts: Contacts) -> None:
            for _ in range(each):
                contacts.tell(MESSAGE)
                book.save(contacts)

        everybody = [Contacts(f"sample {uuid4()}") for _ in range(threads)]
        with Stopwatch() as watch:
            list(pool.map(work, everybody))
    return each * threads / watch.seconds


def fill(run: Run) -> UUID:
    """The id of an aggregate with `run.n` events, stored in batches if it isn't there."""
    name = f"contacts with {run.n} events"
    identity = Contacts.create_id(name)
    with _book(run) as book:
        if identity not in book.repository:
            contacts = Contacts(name)
            for number in range(1, run.n):
                contacts.tell(MESSAGE)
                if number % BATCH == 0:
                    book.save(contacts)
            book.save(contacts)
    return identity


def recover(run: Run) -> float:
    """Events a second at which an aggregate is got."""
    identity = fill(run)
    with _book(run) as book, Stopwatch() as watch:
        contacts: Contacts = book.repository.get(identity)
    return (contacts.count + 1) / watch.seconds


def memory_of_recovery(run: Run) -> float:
    """By how much this process grows meanwhile; another one fills the table."""
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        identity = elsewhere.submit(fill, run).result()
    with _book(run) as book:
        before = memory_now()
        book.repository.get(identity)
        return (memory_peak() - before) / MB


persist_one_by_one = partial(_persist, 1)
persist_by_threads = partial(_persist, THREADS)
