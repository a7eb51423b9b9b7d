"""Reads a journal with the database's own client: none of the engine's code takes part, and its mistakes show."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from pymongo import MongoClient
from redis import Redis

from storms.stored import Event, Stored


def read_sqlite(path: Path, key: str) -> Stored:
    """What the file holds."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT sequence_nr, event_id, data, is_deleted FROM event_journal "
            "WHERE persistence_key = ? ORDER BY ordering",
            (key,),
        ).fetchall()
        snapshots = connection.execute(
            "SELECT sequence_nr, data FROM snapshot_store WHERE persistence_key = ?", (key,)
        ).fetchall()
    return _from_rows(
        [(number, event_id, json.loads(data) if data else None, dead) for number, event_id, data, dead in rows],
        [(number, json.loads(data)) for number, data in snapshots],
    )


def read_postgres(url: str, key: str) -> Stored:
    """What the tables hold."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT sequence_nr, event_id, data, is_deleted FROM event_journal "
            "WHERE persistence_key = %s ORDER BY sequence_nr",
            (key,),
        ).fetchall()
        snapshots = connection.execute(
            "SELECT sequence_nr, data FROM snapshot_store WHERE persistence_key = %s AND NOT is_deleted", (key,)
        ).fetchall()
    return _from_rows(rows, snapshots)


def read_redis(url: str, key: str) -> Stored:
    """What the stream, its groups and the sorted set hold."""
    stream = f"nact:{{{key}}}:events"
    with Redis.from_url(url, decode_responses=True) as client:
        groups: Any = client.xinfo_groups(stream) if client.exists(stream) else []
        entries: Any = client.xrange(stream)
        members: Any = client.zrange(f"nact:{{{key}}}:snapshots", 0, -1)
    tombstones = [
        (int(group["last-delivered-id"].partition("-")[0]), group["name"].split(" ")[1], None, True)
        for group in groups
        if group["name"].startswith("tombstone ")
    ]
    rows = [(int(place.partition("-")[0]), of["event_id"], json.loads(of["data"]), False) for place, of in entries]
    snapshots = [(int(member.partition(" ")[0]), _state_in(member)) for member in members]
    return _from_rows(tombstones + rows, snapshots)


def _state_in(member: str) -> Any:
    """The state that a member of Redis's sorted set ends with: an object, or one of metadata and data after a `#`."""
    place = member.index("{")
    found = json.loads(member[place:])
    return found["data"] if member[place - 1] == "#" else found


def read_mongo(url: str, key: str) -> Stored:
    """What the documents hold, those of batches included."""
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        documents = list(database["event_journal"].find({"key": key}).sort("sequence_number", 1))
        states = list(database["snapshot_store"].find({"key": key}))
    found = [event for each in documents if not each.get("is_husk") for event in each.get("events", [each])]
    return _from_rows(
        [
            (event["sequence_number"], event["event_id"], _data(event), event.get("is_deleted", False))
            for event in found
        ],
        [(state["sequence_number"], _data(state)) for state in states],
    )


def _data(document: dict[str, Any]) -> Any:
    return json.loads(document["data_json"]) if "data_json" in document else document.get("data")


def _from_rows(rows: list[Any], snapshots: list[Any]) -> Stored:
    """Of all tombstones, the last one counts: an engine tells no other."""
    deleted, tombstone_id = max(((number, event_id) for number, event_id, _, dead in rows if dead), default=(0, ""))
    events = [
        Event(number=number, event_id=event_id, data=data)
        for number, event_id, data, dead in rows
        if not dead and number > deleted
    ]
    return Stored(
        deleted=deleted,
        tombstone_id=tombstone_id,
        events=tuple(events),
        snapshots=dict(snapshots),
    )
