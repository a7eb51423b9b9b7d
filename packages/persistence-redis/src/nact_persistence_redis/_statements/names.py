"""The names of a persistence key's records in Redis.

`nact:{contact-1}:events` and `nact:{contact-1}:snapshots`: Redis Cluster hashes the part between the braces, so
everything of one key is in one slot. Braces in a persistence key are written as %7B and %7D, and a percent sign as
%25, or they would end the braces early.
"""

from __future__ import annotations

import re

_EVENTS = "}:events"
_GLOB = re.compile(r"([*?\[\]\\^-])")


class Names:
    """The names under one prefix. No two persistence keys share one, and the persistence key can be read from it."""

    def __init__(self, prefix: str) -> None:
        self._before = prefix + "{"

    def events(self, key: str) -> bytes:
        """The journal, a stream: one entry for each event, whose id is its sequence number and `-0`."""
        return f"{self._before}{_escaped(key)}{_EVENTS}".encode()

    def snapshots(self, key: str) -> bytes:
        """The sorted set of snapshots."""
        return f"{self._before}{_escaped(key)}}}:snapshots".encode()

    def pattern(self, prefix: str) -> bytes:
        """Matches the streams of all keys that begin with `prefix`."""
        begin = _GLOB.sub(r"\\\1", self._before + _escaped(prefix))
        return f"{begin}*{_EVENTS}".encode()

    def key_of(self, events: bytes) -> str | None:
        """The persistence key of a stream, `None` if it isn't one of these."""
        try:
            name = events.decode()
        except UnicodeDecodeError:
            return None
        escaped = name[len(self._before) : -len(_EVENTS)]
        if not escaped or not name.startswith(self._before) or not name.endswith(_EVENTS):
            return None
        key = escaped.replace("%7B", "{").replace("%7D", "}").replace("%25", "%")
        return key if _escaped(key) == escaped else None


def _escaped(key: str) -> str:
    return key.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
