"""A primary and its replica, watched by three Sentinels, in containers on the host's own network."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from testcontainers.core.container import DockerContainer

from nact_conformance.containers import DURABLE
from nact_conformance.containers.ports import free_port
from nact_conformance.containers.reaper import start_reaper

SERVICE = "journal"
_PATIENCE = 60.0
_SENTINEL = """
port {port}
sentinel monitor {service} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {service} 1000
sentinel failover-timeout {service} 5000
"""


class WatchedPair:
    """Two servers, of which Sentinel calls one the primary. The first is it in the beginning.

    Args:
        image: What to run.
    """

    def __init__(self, image: str) -> None:
        self._image = image
        self._containers: list[DockerContainer] = []
        self._sentinels: list[DockerContainer] = []
        self.ports: list[int] = []
        self.sentinels: list[int] = []

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.sentinels)}/{SERVICE}"

    def start(self) -> None:
        start_reaper()
        for follows in ((), ("--replicaof", "127.0.0.1")):
            port = free_port()
            to = (*follows, str(self.ports[0])) if follows else ()
            self._containers.append(self._running("redis-server", "--port", str(port), *DURABLE, *to))
            self.ports.append(port)
        self._await(self.ports[0], lambda client: client.info("replication").get("slave0", {}).get("state") == "online")
        for _ in range(3):
            port = free_port()
            config = _SENTINEL.format(port=port, service=SERVICE, primary=self.ports[0]).replace("\n", "\\n")
            start = f"printf '{config}' > /tmp/s.conf && exec redis-server /tmp/s.conf --sentinel"
            self._sentinels.append(self._running("sh", "-c", start))
            self.sentinels.append(port)
        for port in self.sentinels:
            self._await(port, Redis.ping)
            with _client(port) as client:  # they look around more often than every ten seconds
                client.execute_command("SENTINEL", "DEBUG", "INFO-PERIOD", 300, "PUBLISH-PERIOD", 200)
        for port in self.sentinels:
            self._await(port, _knows_everybody)

    def stop(self) -> None:
        for containers in (self._containers, self._sentinels):
            while containers:
                containers.pop().stop()

    def kill_primary(self) -> None:
        """Returns when the replica has been promoted."""
        self._containers[0].get_wrapped_container().kill()
        self.await_failover()

    def freeze_primary(self) -> None:
        self._containers[0].get_wrapped_container().pause()

    def thaw_primary(self) -> None:
        """Returns when it follows the one that took its place."""
        self._containers[0].get_wrapped_container().unpause()
        self._await(self.ports[0], lambda client: client.info("replication")["role"] == "slave")

    def await_failover(self) -> None:
        """Returns when the replica has been promoted."""
        for port in self.sentinels:
            self._await(port, lambda client: self._primary(client) == self.ports[1])
        self._await(self.ports[1], lambda client: client.info("replication")["role"] == "master")

    def bring_back_as_replica(self) -> None:
        """The server that was killed follows the other one from now on. (Sentinel would see to it, some time later.)"""
        self._containers[0].get_wrapped_container().start()
        self._await(self.ports[0], Redis.ping)
        with _client(self.ports[0]) as client:
            client.replicaof("127.0.0.1", self.ports[1])

    def freeze_watcher(self, place: int) -> None:
        self._sentinels[place].get_wrapped_container().pause()

    def kill_watcher(self, place: int) -> None:
        self._sentinels[place].get_wrapped_container().kill()

    @staticmethod
    def _primary(watcher: Redis) -> int:
        told: Any = watcher.sentinel_get_master_addr_by_name(SERVICE)
        return int(told[1])

    def _running(self, *command: str) -> DockerContainer:
        return DockerContainer(self._image).with_command(list(command)).with_kwargs(network_mode="host").start()

    @staticmethod
    def _await(port: int, is_ready: Callable[[Redis], bool]) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                with _client(port) as client:
                    if is_ready(client):
                        return
            except (RedisError, OSError):
                pass
            assert time.monotonic() < give_up, f"the server at {port} isn't ready"
            time.sleep(0.05)


def _knows_everybody(watcher: Redis) -> bool:
    told: Any = watcher.sentinel_masters()
    told = told[SERVICE]
    return bool(told["num-slaves"] == 1 and told["num-other-sentinels"] == 2 and not told["is_sdown"])


def _client(port: int) -> Redis:
    return Redis(port=port, retry=Retry(NoBackoff(), 0), socket_timeout=5)
