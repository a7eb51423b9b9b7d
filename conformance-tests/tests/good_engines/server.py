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


class Request(msgspec.Struct):
    """What a client asks for."""

    what: str
    key: str = ""
    after: int = 0
    limit: int | None = None
    tags: list[str] = []
    events: list[PersistedEvent] = []
    snapshot: PersistedSnapshot | None = None


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


async def serve(engine: FileEngine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ValueError):
        while line := await reader.readline():
            try:
                reply = {"ok": await answer(engine, msgspec.json.decode(line, type=Request))}
            except SequenceConflictError as error:
                reply = {"conflict": [error.key, error.attempted, error.highest]}
            except NactError as error:
                reply = {"error": str(error)}
            writer.write(msgspec.json.encode(reply) + b"\n")
            await writer.drain()
    writer.close()


async def main(port: str, folder: str) -> None:
    engine = FileEngine(str(Path(folder, "journal")))
    server = await asyncio.start_server(lambda *ends: serve(engine, *ends), "127.0.0.1", int(port), limit=2**26)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
