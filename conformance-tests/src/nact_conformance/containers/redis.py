"""Redis in a container."""

from __future__ import annotations

import re

from nact_conformance.containers.container_storage import ContainerStorage, NotReadyError
from nact_conformance.containers.images import image

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""The options of a server that acknowledges what is on disk."""


class RedisStorage(ContainerStorage):
    """A Redis server.

    Args:
        image_name: The image to run; if not given, the newest server that is supported.
        options: The server's options.
        query: Of the URL for engines: `?protocol=3`, say.
        program: The name of the server's program, and of its shell without the `-server` in it.
    """

    def __init__(
        self,
        image_name: str | None = None,
        *,
        options: tuple[str, ...] = DURABLE,
        query: str = "",
        program: str = "redis-server",
    ) -> None:
        super().__init__(
            image_name or image("TEST_REDIS_IMAGE"),
            port=6379,
            url="redis://127.0.0.1:{port}/0" + query,
            command=[program, *options],
            ready=self._version,
        )
        self._shell = program.replace("-server", "-cli")

    @property
    def direct_url(self) -> str:
        """Past the proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    def refuse_reads(self) -> None:
        """Refuses new connections. Without the right to read, a user's scripts couldn't write either."""
        self.run(self._shell, "ACL", "SETUSER", "kit", "on", "nopass", "~*", "&*", "+@all")
        self._switch_default_user("off")

    def allow_reads(self) -> None:
        """Ends `refuse_reads`."""
        self._switch_default_user("on")

    def _switch_default_user(self, state: str) -> None:
        answer = self.run(
            self._shell, "--no-auth-warning", "--user", "kit", "--pass", "kit", "ACL", "SETUSER", "default", state
        )
        if answer != "OK":
            raise NotReadyError(answer)

    def _version(self) -> str:
        info = self.run(self._shell, "INFO", "SERVER")
        if self.run(self._shell, "PING") != "PONG":
            raise NotReadyError("it loads its data")
        found = re.search(r"^(valkey|redis)_version:(\S+)", info, re.MULTILINE)
        if found is None:
            raise NotReadyError(info)
        valkey = re.search(r"^valkey_version:(\S+)", info, re.MULTILINE)
        return f"Valkey {valkey[1]}" if valkey else f"Redis {found[2]}"
