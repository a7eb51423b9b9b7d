"""Inserts by commands, to a stand-in that records them. These tests need no server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.errors import AutoReconnect, OperationFailure

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact_persistence_mongo._connections.commands import Commands
from nact_persistence_mongo._writing.inserts import Inserts, portions
from nact_persistence_mongo._writing.predecessors import Predecessor, Predecessors

pytestmark = pytest.mark.anyio

MB = 1024 * 1024
REPLACED = {"index": 0, "code": 361, "errmsg": "Collection UUID does not match that specified"}


class Database:
    """Records commands. Answers inserts, and checks of predecessors with what is found, or with an error."""

    def __init__(self, answer: dict[str, Any] | None = None, found: list[Any] | Exception | None = None) -> None:
        self.commands: list[str] = []
        self.inserts: list[dict[str, Any]] = []
        self._answer = answer or {"ok": 1.0}
        self._found = found or []

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        self.commands.append(next(iter(command)))
        if "insert" in command:
            self.inserts.append(command)
            return self._answer
        if isinstance(self._found, Exception):
            raise self._found
        return {"cursor": {"firstBatch": self._found}}


@dataclass
class Sized:
    size: int


def inserts(database: Database, w: int | str = "majority", *, journal: bool = True, uuid: object = None) -> Inserts:
    commands = Commands(database, "events", w, journal=journal)
    if uuid is not None:
        commands.pin(uuid)
    return Inserts(commands, Predecessors(database, "events"))


DOCUMENTS = [RawBSONDocument(bson.encode({"n": number})) for number in range(3)]


def test_documents_that_fit_travel_in_one_command() -> None:
    assert [len(portion) for portion in portions([Sized(1), Sized(2), Sized(3)])] == [3]


def test_a_command_is_no_larger_than_a_document_may_be() -> None:
    sizes = [7 * MB, 8 * MB, 15 * MB, 1, 2]
    travelling = [[item.size for item in portion] for portion in portions([Sized(size) for size in sizes])]
    assert travelling == [[7 * MB, 8 * MB], [15 * MB, 1, 2]]


async def test_a_failure_is_that_of_its_own_document() -> None:
    failure = {"index": 1, "code": 11000}
    inserted = await inserts(Database({"ok": 1.0, "writeErrors": [failure]})).insert(DOCUMENTS, "a", 1)
    assert inserted.failures == {1: failure}


async def test_what_too_few_members_confirmed_is_not_confirmed() -> None:
    inserted = await inserts(Database({"ok": 1.0, "writeConcernError": {"code": 64}})).insert(DOCUMENTS, "a", 1)
    assert not inserted.is_confirmed


@pytest.mark.parametrize(("w", "journal"), [("majority", True), (1, False)])
async def test_each_command_says_what_to_wait_for(w: int | str, journal: bool) -> None:
    database = Database()
    await inserts(database, w, journal=journal).insert(DOCUMENTS, "a", 1)
    assert [command["writeConcern"] for command in database.inserts] == [{"w": w, "j": journal}]


async def test_a_command_names_the_collection_that_was_opened() -> None:
    database = Database()
    await inserts(database, uuid="a uuid").insert(DOCUMENTS, "a", 1)
    assert [command["collectionUUID"] for command in database.inserts] == ["a uuid"]


async def test_a_replaced_collection_takes_nothing_for_certain() -> None:
    with pytest.raises(OperationFailure) as caught:
        await inserts(Database({"n": 0, "writeErrors": [REPLACED]}), uuid="a uuid").insert(DOCUMENTS, "a", 1)
    assert caught.value.code == 361


async def test_one_dropped_halfway_leaves_the_outcome_unknown() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        await inserts(Database({"n": 1, "writeErrors": [REPLACED]}), uuid="a uuid").insert(DOCUMENTS, "a", 1)
    assert isinstance(caught.value, OutcomeUnknownError)


@pytest.mark.parametrize("uuid", [None, "a uuid"], ids=["an old server", "a new server"])
@pytest.mark.parametrize(
    ("first", "found", "predecessor"),
    [
        (1, [], Predecessor.FITS),
        (2, [{"last": 1}], Predecessor.FITS),
        (3, [{"last": 1, "is_husk": True}], Predecessor.FITS),
        (2, [], Predecessor.MISSING),
        (3, [{"last": 1}], Predecessor.MISSING),
        (2, OperationFailure("hint provided does not correspond to an existing index", 2), Predecessor.NO_INDEX),
        (2, AutoReconnect("connection closed"), Predecessor.UNKNOWN),
        (2, OperationFailure("not authorized", 13), Predecessor.UNKNOWN),
    ],
    ids=["first", "next", "after a husk", "emptied", "after a gap", "no index", "cut", "refused"],
)
async def test_an_insert_checks_its_predecessor(uuid: object, first: int, found: Any, predecessor: Predecessor) -> None:
    inserted = await inserts(Database(found=found), uuid=uuid).insert(DOCUMENTS[:1], "a", first)
    assert inserted.predecessor is predecessor
