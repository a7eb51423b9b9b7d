"""A Redis Cluster of three primaries, in containers on the host's own network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from testcontainers.core.container import DockerContainer

from nact_conformance.containers import DURABLE
from nact_conformance.containers.ports import free_port

_PATIENCE = 60.0


class RedisCluster:
    """Three servers that share the slots. Without replicas: while one is down, its slots are.

    Args:
        image: What to run.
    """

    def __init__(self, image: str) -> None:
        self.version = image
        self.ports: list[int] = []
        self._image = image
        self._containers: list[DockerContainer] = []

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/?retry_for=0.5"

    def client(self, node: int) -> Redis:
        return Redis(port=self.ports[node], retry=Retry(NoBackoff(), 0), socket_timeout=5)

    def start(self) -> None:
        if self._containers:
            return
        for _ in range(3):
            port = free_port(10_000)  # where the cluster bus is
            options = (*DURABLE, "--port", str(port), "--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
            # A node that is down takes its own slots with it, and no others.
            command = ["redis-server", *options, "--cluster-require-full-coverage", "no"]
            container = DockerContainer(self._image).with_command(command).with_kwargs(network_mode="host")
            self._containers.append(container.start())
            self.ports.append(port)
        for node in range(3):
            self._await_answer(node, "PONG", "PING")
        places = " ".join(f"127.0.0.1:{port}" for port in self.ports)
        status, output = self._containers[0].exec(["sh", "-c", f"redis-cli --cluster create {places} --cluster-yes"])
        assert status == 0, output
        self.await_state()
        with self.client(0) as client:
            self.version = f"Redis Cluster {client.info()['redis_version']}"

    def stop(self) -> None:
        while self._containers:
            self._containers.pop().stop()

    def kill(self, node: int) -> None:
        container = self._containers[node].get_wrapped_container()
        container.kill()
        container.wait()

    def restart(self, node: int) -> None:
        self._containers[node].get_wrapped_container().start()
        self.await_state()

    def await_state(self) -> None:
        """Returns when all nodes say that all slots are served."""
        for node in range(3):
            self._await_answer(node, "cluster_state:ok", "CLUSTER", "INFO")
            self._await_answer(node, "cluster_slots_ok:16384", "CLUSTER", "INFO")

    def node_of(self, name: str) -> int:
        """The node that has this Redis key."""
        for node in range(3):
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

    def _await_answer(self, node: int, wanted: str, *command: str) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.client(node) as client:
                    answer = client.execute_command(" ".join(command))
                    told = "\n".join(f"{name}:{value}" for name, value in answer.items()) if command[1:] else "PONG"
                    if wanted in told:
                        return
            except (RedisError, OSError) as error:
                answer = error
            assert time.monotonic() < give_up, f"node {node} says {answer!r}, not {wanted}"
            time.sleep(0.05)
