"""Encodes commands as Redis reads them. The driver's own encoding takes several times as long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from nact_persistence_redis._statements.scripts import Command

Reply: TypeAlias = Any
Ask: TypeAlias = Callable[[Sequence[Command]], Awaitable[list[Reply]]]
"""Sends commands over one connection, and returns the replies."""

try:
    from hiredis import pack_command
except ImportError:

    def pack_command(command: Command) -> bytes:  # type: ignore[misc]
        """The words of a command, each with its length."""
        parts = [b"*%d\r\n" % len(command)]
        for word in command:
            text = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
        return b"".join(parts)


def packed(commands: Iterable[Command]) -> list[bytes]:
    """The commands, ready to be sent."""
    return [pack_command(command) for command in commands]  # type: ignore[arg-type]  # its stub wants one word
