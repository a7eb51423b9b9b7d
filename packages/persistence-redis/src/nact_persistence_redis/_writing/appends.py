"""Packs events into calls of the script that appends them, and reads the outcome of each write from its reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nact.errors import CorruptJournalError, NactError, OutcomeUnknownError, SequenceConflictError
from nact.persistence.building.errors import copy_for_caller
from nact.persistence.building.group_commit import Outcome
from nact_persistence_redis._connections.encoding import Reply
from nact_persistence_redis._connections.errors import refusal
from nact_persistence_redis._routing.request import Request
from nact_persistence_redis._statements.records import EventFields, text_size
from nact_persistence_redis._statements.scripts import APPEND

_STORED = -1
_COST_OF_AN_EVENT = 400
"""An event costs the server as much time as this many bytes of data: about 20,000 of the smallest share a script."""
_to_msgpack = msgspec.msgpack.Encoder().encode


@dataclass(slots=True, eq=False)
class Append:
    """The events of one `persist` or `persist_all`: one key, consecutive numbers, all or nothing.

    Attributes:
        key: The persistence key.
        first: The first event's number.
        events: The fields of each event.
        stream: The Redis key.
    """

    key: str
    first: int
    events: Sequence[EventFields]
    stream: bytes = b""

    @property
    def cost(self) -> int:
        """The time that the events take, in bytes of data that would take as long."""
        return text_size(self.events) + _COST_OF_AN_EVENT * len(self.events)

    def shares_an_event_with(self, other: Append) -> bool:
        return not {event[1] for event in other.events}.isdisjoint(event[1] for event in self.events)


def append_request(group: Sequence[Append]) -> Request:
    """One call of the script for all the appends of a script group."""
    packed = _to_msgpack([(item.first, *item.events) for item in group])
    command = APPEND.by_digest(tuple([item.stream for item in group]), packed)
    return Request(group[0].stream, command, group[0].key, APPEND)


def outcome_of(item: Append, place: int, reply: Reply, in_doubt: bool) -> Outcome:
    """The outcome of one append, from the reply to its call of the script.

    Args:
        item: The append.
        place: Its place in the call.
        reply: The script's reply, or the error of nact that the request ended with.
        in_doubt: Whether an earlier attempt at the call may have had its effect.
    """
    if isinstance(reply, NactError):
        return copy_for_caller(reply)
    told = reply[place]
    return None if told == _STORED else _refused(item, told.decode(errors="replace"), in_doubt)


def _refused(item: Append, text: str, in_doubt: bool) -> Outcome:
    """The error for a text that `APPEND` returned; see there."""
    word, _, rest = text.partition(" ")
    match word:
        case "DELETED" if in_doubt:
            return OutcomeUnknownError("the events were deleted meanwhile, if they were stored")
        case "DELETED" | "TAKEN":
            return SequenceConflictError(item.key, item.first, int(rest))
        case "GAP":
            return CorruptJournalError("it is missing, though it was the last one", item.key, int(rest))
        case "UNSURE" | "PARTLY":
            return refusal(rest, item.key, outcome_known=False)
        case _:
            return refusal(text, item.key, outcome_known=not in_doubt)
