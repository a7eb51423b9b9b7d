"""The commands that an actor has handled, stored in the metadata of events and snapshots to survive restarts.

The idea is the *idempotent receiver* of Hohpe and Woolf, "Enterprise Integration Patterns" (2003).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nact.errors import CorruptJournalError, InvalidEventError
from nact.persistence.records import PersistedEvent, is_unicode

COMMAND_ID: Final = "nact.command_id"
"""The name in an event's metadata for the id of the command that caused it."""

COMMANDS: Final = "nact.commands"
"""The name in a snapshot's metadata for the remembered commands, with the numbers of their events."""

RESERVED: Final = "nact."


class Commands:
    """The last commands, and the sequence numbers of the events that each of them persisted.

    Args:
        limit: The number of commands that are remembered.
    """

    __slots__ = ("_limit", "_numbers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._numbers: dict[str, tuple[int, ...]] = {}

    def seen(self, command_id: str) -> tuple[int, ...]:
        """The sequence numbers of the events that the command persisted; empty if it isn't remembered."""
        return self._numbers.get(command_id, ())

    def remember(self, event: PersistedEvent) -> None:
        """Remembers the command that caused the event, if the event names one."""
        command_id = event.metadata.get(COMMAND_ID)
        if command_id is None:
            return
        if type(command_id) is not str:
            reason = f"its metadata has the {COMMAND_ID} {command_id!r:.100}, which isn't a str"
            raise CorruptJournalError(reason, event.key, event.sequence_number)
        numbers = self._numbers.pop(command_id, ())  # taken out, so that it counts as the latest
        self._numbers[command_id] = (*numbers, event.sequence_number)
        if len(self._numbers) > self._limit:
            del self._numbers[next(iter(self._numbers))]

    def restore(self, metadata: Mapping[str, Any]) -> None:
        """Remembers the commands in a snapshot's metadata, in place of all others.

        Raises:
            ValueError: The metadata holds something else in their place.
        """
        commands = metadata.get(COMMANDS)
        if commands is None:
            self.forget()
            return
        if type(commands) is not dict or not all(map(_are_numbers, commands.values())):
            raise ValueError(f"the metadata's {COMMANDS} must be lists of sequence numbers, not {commands!r:.200}")
        # By their last numbers: not every storage keeps the order of a JSON object.
        latest = sorted(((tuple(numbers), command_id) for command_id, numbers in commands.items()), key=_last_number)
        self._numbers = {command_id: numbers for numbers, command_id in latest[-self._limit :]}

    def forget(self) -> None:
        """Forgets all commands."""
        self._numbers = {}

    def metadata(self) -> dict[str, Any]:
        """The metadata of a snapshot: the remembered commands, if there are any."""
        if not self._numbers:
            return {}
        return {COMMANDS: {command_id: list(numbers) for command_id, numbers in self._numbers.items()}}


def metadata_of(metadata: Mapping[str, Any] | None, command_id: str | None) -> dict[str, Any]:
    """The metadata of an event that a handler persists.

    Raises:
        InvalidEventError: The metadata isn't a mapping, or has a name that is reserved for nact.
        TypeError, ValueError: The command's id is invalid.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidEventError(f"metadata must be a dict, a JSON object, not {metadata!r:.200}")
    made = dict(metadata or {})
    for name in made:
        if str(name).startswith(RESERVED):
            raise InvalidEventError(f"metadata must not have the name {name!r}: those that begin with nact. are nact's")
    if command_id is not None:
        made[COMMAND_ID] = checked_command_id(command_id)
    return made


def checked_command_id(command_id: str) -> str:
    """Returns the id of a command.

    Raises:
        TypeError: It isn't a `str`.
        ValueError: It is empty, or isn't valid Unicode.
    """
    if type(command_id) is not str:
        raise TypeError(f"command_id must be a str, not {command_id!r}")
    if not command_id or not is_unicode(command_id):
        raise ValueError(f"command_id must be a non-empty string of valid Unicode, not {command_id!r}")
    return command_id


def _last_number(command: tuple[tuple[int, ...], str]) -> int:
    return command[0][-1]


def _are_numbers(value: object) -> bool:
    return type(value) is list and len(value) > 0 and all(type(number) is int for number in value)
