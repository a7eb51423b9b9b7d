"""Inserting by the command itself, of which a stand-in takes down what it is sent. No server is needed for that."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from nact_persistence_mongo._inserts import Inserts

pytestmark = pytest.mark.anyio

MB = 1024 * 1024


class Database:
    """Answers commands one after another."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.sizes: list[list[int]] = []
        self.concerns: list[dict[str, Any]] = []
        self._answers = list(answers)

    async def command(self, command: dict[str, Any]) -> dict[str, Any]:
        assert next(iter(command)) == "insert"
        assert command["ordered"] is False
        self.sizes.append([len(document["text"]) for document in command["documents"]])
        self.concerns.append(command["writeConcern"])
        return self._answers.pop(0) if self._answers else {"ok": 1.0}


def documents(*sizes: int) -> list[RawBSONDocument]:
    return [RawBSONDocument(bson.encode({"text": "x" * size})) for size in sizes]


async def test_documents_that_fit_travel_in_one_command() -> None:
    database = Database()
    await Inserts(database, "events", "majority", journal=True).insert(documents(1, 2, 3))
    assert database.sizes == [[1, 2, 3]]


async def test_a_command_is_no_larger_than_a_document_may_be() -> None:
    database = Database()
    await Inserts(database, "events", "majority", journal=True).insert(documents(7 * MB, 8 * MB, 15 * MB, 1, 2))
    assert database.sizes == [[7 * MB, 8 * MB], [15 * MB, 1, 2]]


async def test_a_failure_in_a_later_command_is_that_of_its_own_document() -> None:
    failure = {"index": 1, "code": 11000}
    database = Database({"ok": 1.0}, {"ok": 1.0, "writeErrors": [failure]})
    inserted = await Inserts(database, "events", "majority", journal=True).insert(documents(15 * MB, 15 * MB, 1))
    assert inserted.failures == {2: failure}


async def test_what_too_few_members_confirmed_is_not_confirmed_whichever_command_it_was_in() -> None:
    database = Database({"ok": 1.0, "writeConcernError": {"code": 64}}, {"ok": 1.0})
    inserted = await Inserts(database, "events", "majority", journal=True).insert(documents(15 * MB, 15 * MB))
    assert not inserted.is_confirmed


@pytest.mark.parametrize(("w", "journal"), [("majority", True), (1, False)])
async def test_each_command_says_what_to_wait_for(w: int | str, journal: bool) -> None:
    database = Database()
    await Inserts(database, "events", w, journal=journal).insert(documents(15 * MB, 15 * MB))
    assert database.concerns == [{"w": w, "j": journal}] * 2
