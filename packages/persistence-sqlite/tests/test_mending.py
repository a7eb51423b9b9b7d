"""The statements of the guide's page on mending a journal do what it says."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from nact import (
    ActorStoppedError,
    FunctionCodec,
    PersistentContext,
    configure_persistence,
    dispatch,
    query,
    spawn_persistent,
    start,
)
from nact.persistence import PersistedEvent
from nact_persistence_sqlite import SqlitePersistenceEngine

pytestmark = pytest.mark.anyio

EVENT = "WHERE persistence_key = 'account:ada' AND sequence_nr = 2"


def amount(data: Any) -> int:
    if type(data["amount"]) is not int:
        raise TypeError(data)
    return int(data["amount"])


async def account(balance: int, msg: Any, ctx: PersistentContext[Any, Any]) -> int:
    dispatch(ctx.sender, balance)
    return balance + int(msg)


async def journal(path: Path, statement: str) -> None:
    """A journal with a poisoned event 2, mended by the statement."""
    async with SqlitePersistenceEngine(path) as engine:
        for number, value in enumerate((1, "7", 100), 1):
            await engine.persist(
                PersistedEvent(key="account:ada", sequence_number=number, data={"amount": value}, tags=("money",))
            )
    connection = sqlite3.connect(path)
    with connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def same(value: Any) -> Any:
    return value


async def balance(path: Path, **options: Any) -> int:
    async with start(configure_persistence(SqlitePersistenceEngine(path))) as system:
        codec: FunctionCodec[Any] = FunctionCodec(same, amount)
        ref = spawn_persistent(system, account, key="account:ada", initial_state=0, codec=codec, **options)
        answer: int = await query(ref, 0, 10)
        return answer


async def test_an_event_whose_data_was_replaced_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await journal(path, "UPDATE event_journal SET data = '{\"amount\": 7}' " + EVENT)
    assert await balance(path) == 108


async def test_an_event_that_was_marked_deleted_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await journal(path, "UPDATE event_journal SET data = NULL, tags = '[]', metadata = NULL, is_deleted = 1 " + EVENT)
    assert await balance(path, skip_deleted=True) == 101
    with pytest.raises(ActorStoppedError):
        await balance(path)
