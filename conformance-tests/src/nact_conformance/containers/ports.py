"""Ports for containers, which they keep when they are killed and started again."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

_FIRST, _LAST = 20_000, 32_000
"""Below the range from which kernels give ports to others: they don't take it while a container is down."""


def free_port(*above: int) -> int:
    """A free port, with free neighbours at the given distances; none of them is one that kernels give away."""
    while True:
        port = random.randint(_FIRST, _LAST - max(above, default=0))  # noqa: S311 (it is no secret)
        with ExitStack() as taken:
            try:
                for distance in (0, *above):
                    taken.enter_context(socket.create_server(("127.0.0.1", port + distance)))
            except OSError:
                continue
            return port
