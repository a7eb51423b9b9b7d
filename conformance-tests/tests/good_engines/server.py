"""A small database server: JSON lines over TCP, stored by `FileEngine`. `python -m good_engines.server PORT FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from good_engines.files import FileEngine
from nact.errors import NactError, SequenceConflictError
from nact.persistence import PersistedEvent, PersistedSnapshot

READS = {"page", "highest", "keys", "latest"}


class Request(msgspec.Struct):
    """What a client asks for, and on which line: each connection of a client is one."""

    what: str
    key: str = ""
    after: int = 0
    limit: int | None = None
    tags: list[str] = []
    events: list[PersistedEvent] = []
    snapshot: PersistedSnapshot | None = None
    line: str = ""


async def answer(engine: FileEngine, request: Request) -> Any:
    match request.what:
        case "page":
            window = engine.events(request.key, after=request.after, limit=request.limit, tags=request.tags)
            return [event async for event in window]
        case "persist":
            return await engine.persist_all(request.events)
        case "delete":
            return await engine.delete_events(request.key, up_to=request.after)
        case "highest":
            return await engine.highest_sequence_number(request.key)
        case "keys":
            return [key async for key in engine.keys(prefix=request.key)]
        case "latest":
            return await engine.latest_snapshot(request.key, up_to=request.limit)
        case "take" if request.snapshot is not None:
            return await engine.take_snapshot(request.snapshot)
        case "forget":
            return await engine.delete_snapshots(request.key, up_to=request.after)
        case _:
            raise ValueError(request.what)


class Switchboard:
    """Serves lines. One that a client has given up is dead: what arrives late on it isn't heard any more."""

    def __init__(self, engine: FileEngine) -> None:
        self._engine = engine
        self._dead: set[str] = set()
        self._refuses_reads = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                request = msgspec.json.decode(line, type=Request)
                if request.line and request.line in self._dead:
                    break
                writer.write(msgspec.json.encode(await self._reply(request)) + b"\n")
                await writer.drain()
        writer.close()

    async def _reply(self, request: Request) -> dict[str, Any]:
        if self._refuses_reads and request.what in READS:
            return {"refused": "reads are refused"}
        try:
            return {"ok": await self._answer(request)}
        except SequenceConflictError as error:
            return {"conflict": [error.key, error.attempted, error.highest]}
        except NactError as error:
            return {"error": str(error)}

    async def _answer(self, request: Request) -> Any:
        if request.what == "end line":
            return self._dead.add(request.key)
        if request.what in {"refuse reads", "allow reads"}:
            self._refuses_reads = request.what == "refuse reads"
            return None
        return await answer(self._engine, request)


async def main(port: str, folder: str) -> None:
    engine = FileEngine(str(Path(folder, "journal")))
    server = await asyncio.start_server(Switchboard(engine).serve, "127.0.0.1", int(port), limit=2**26)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
