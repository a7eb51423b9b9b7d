"""A Redis Cluster of three primaries, in containers on the host's own network, each with a proxy before it.

If it is asked for, a fourth node follows the first one, and takes its place when it dies.

The nodes tell clients the ports of the proxies (`cluster-announce-port`), so that these stand in every client's way,
redirections included; among themselves they talk past them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from testcontainers.core.container import DockerContainer

from nact_conformance.containers import DURABLE
from nact_conformance.containers.ports import free_port
from nact_conformance.containers.reaper import start_reaper
from nact_conformance.proxy import TcpProxy
from nact_conformance.tally import Tally

_PATIENCE = 60.0
_BUS = 10_000
"""The distance between a node's port for clients and its port for other nodes."""
_PRIMARIES = 3
_TRIES = 3


class PortTakenError(Exception):
    """A node has ended: another program took one of its ports first."""


class RedisCluster:
    """A `ServerStorage`. Killing, pausing and cutting it off concerns all nodes, unless one is named.

    While a node without a replica is down, its slots are.

    Args:
        image: The image of the nodes.
        silence: Milliseconds until the others believe that a node is gone: longer than its restart takes.
        has_replica: Whether the first node has one.
    """

    def __init__(self, image: str, *, silence: int = 5000, has_replica: bool = False) -> None:
        self.version = image
        self.ports: list[int] = []
        self._image = image
        self._silence = silence
        self._containers: list[DockerContainer] = []
        tally = Tally()
        self._nodes = range(_PRIMARIES + has_replica)
        self._proxies = [TcpProxy("127.0.0.1", 0, tally=tally) for _ in self._nodes]

    @property
    def url(self) -> str:
        nodes = ",".join(f"127.0.0.1:{proxy.port}" for proxy in self._proxies)
        return f"redis+cluster://{nodes}/?retry_for=0.5"

    @property
    def bare_url(self) -> str:
        return self.url.partition("?")[0]

    @property
    def proxy(self) -> TcpProxy:
        """The proxy of the first node. It counts together with the others."""
        return self._proxies[0]

    def past_the_proxies(self, place: tuple[str, int]) -> tuple[str, int]:
        """The real address of the node that announces this one."""
        ports = {proxy.port: port for proxy, port in zip(self._proxies, self.ports, strict=True)}
        return place[0], ports.get(place[1], place[1])

    def client(self, node: int) -> Redis:
        """Goes straight to the node."""
        return Redis(port=self.ports[node], retry=Retry(NoBackoff(), 0), socket_timeout=5)

    def start(self) -> None:
        if not self._containers:
            start_reaper()
            self._make_all()
        for node in self._nodes:
            self._docker(node).start()
        self.await_state()
        with self.client(0) as client:
            self.version = f"Redis Cluster {client.info()['redis_version']}"

    def stop(self) -> None:
        while self._containers:
            self._containers.pop().stop()
        self.ports.clear()
        for proxy in self._proxies:
            proxy.stop()

    def kill(self, *nodes: int) -> None:
        running = [self._docker(node) for node in nodes or self._nodes if self._status(node) == "running"]
        for container in running:
            container.kill()
        for container in running:
            container.wait()

    def restart(self, *nodes: int) -> None:
        self.kill(*nodes)
        self.start()

    def pause(self) -> None:
        for node in self._nodes:
            self._docker(node).pause()

    def resume(self) -> None:
        for node in self._nodes:
            if self._status(node) == "paused":
                self._docker(node).unpause()

    def cut_off(self) -> None:
        for proxy in self._proxies:
            proxy.cut()

    def reconnect(self) -> None:
        for proxy in self._proxies:
            proxy.mend()

    def await_state(self) -> None:
        """Returns when all nodes say that all slots are served."""
        for node in self._nodes:
            self._await(node, _has_all_slots)

    def forget_scripts(self) -> None:
        for node in self._nodes:
            with self.client(node) as client:
                client.script_flush()

    def await_failover(self) -> None:
        """Returns when the replica has taken the first node's place."""
        self._await(self._nodes[-1], lambda client: client.info("replication")["role"] == "master")
        self._await(1, _has_all_slots)

    def node_of(self, name: str) -> int:
        """The node that has this Redis key."""
        for node in self._nodes:
            with self.client(node) as client:
                try:
                    client.exists(name)
                except RedisError:
                    continue
                return node
        raise AssertionError(f"no node has {name}")

    @contextmanager
    def moving(self, slot: int, source: int, target: int) -> Iterator[Callable[[bytes], None]]:
        """While the body runs, the slot is on its way; what it gets moves a Redis key. Then the slot has moved."""
        with self.client(source) as leaving, self.client(target) as arriving:
            names = [client.execute_command("CLUSTER MYID") for client in (leaving, arriving)]
            arriving.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[0])
            leaving.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[1])

            def move(key: bytes) -> None:
                leaving.execute_command("MIGRATE", "127.0.0.1", self.ports[target], key, 0, 5000)

            yield move
            for key in leaving.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000):
                move(key)
            for client in (arriving, leaving):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", names[1])

    def _make_all(self) -> None:
        """Makes the cluster, or nothing of it."""
        for tries_left in reversed(range(_TRIES)):
            try:
                for proxy in self._proxies:
                    proxy.start()
                for node in self._nodes:
                    self._create(node)
                    self._await(node, Redis.ping)
                self._join()
            except BaseException as error:
                self.stop()
                if not (tries_left and isinstance(error, PortTakenError)):
                    raise
            else:
                return

    def _create(self, node: int) -> None:
        port = free_port(_BUS)
        own = {"port": port, "cluster-enabled": "yes", "cluster-node-timeout": self._silence}
        told = {"cluster-announce-port": self._proxies[node].port, "cluster-announce-bus-port": port + _BUS}
        # A node that is down takes its own slots with it, and no others.
        settings: dict[str, object] = {**own, **told, "cluster-require-full-coverage": "no"}
        options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        container = DockerContainer(self._image).with_command(["redis-server", *DURABLE, *options])
        self._containers.append(container.with_kwargs(network_mode="host").start())
        self.ports.append(port)
        self._proxies[node].retarget("127.0.0.1", port)

    def _join(self) -> None:
        """Gives each primary a third of the slots, and has all nodes meet."""
        bounds = [0, 5461, 10923, 16384]
        for node in range(_PRIMARIES):
            with self.client(node) as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[node], bounds[node + 1] - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", node + 1)
        self._await(0, self._has_met_the_others)
        for node in self._nodes[_PRIMARIES:]:
            with self.client(0) as client:
                follow: Any = ("CLUSTER REPLICATE", client.execute_command("CLUSTER MYID"))
            self._await(node, methodcaller("execute_command", *follow))
            self._await(node, lambda client: client.info("replication").get("master_link_status") == "up")

    def _has_met_the_others(self, first: Redis) -> bool:
        """A node that is slow may miss an invitation, which isn't repeated."""
        told: Any = first.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
        if int(told["cluster_known_nodes"]) == len(self._nodes):
            return True
        for port in self.ports[1:]:
            first.execute_command("CLUSTER MEET", "127.0.0.1", port)  # type: ignore[no-untyped-call]
        time.sleep(0.5)
        return False

    def _await(self, node: int, is_ready: Callable[[Redis], bool]) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.client(node) as client:
                    if is_ready(client):
                        return
            except (RedisError, OSError):
                if self._status(node) == "exited":
                    raise PortTakenError(self._docker(node).logs().decode()[-500:]) from None
            assert time.monotonic() < give_up, f"node {node} isn't ready"
            time.sleep(0.05)

    def _status(self, node: int) -> str:
        container = self._docker(node)
        container.reload()
        return str(container.status)

    def _docker(self, node: int) -> Any:
        return self._containers[node].get_wrapped_container()


def _has_all_slots(client: Redis) -> bool:
    told: Any = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    return bool(told["cluster_state"] == "ok" and told["cluster_slots_ok"] == "16384")
