"""A replica set of three members, in containers on the host's own network, so that they find one another."""

from __future__ import annotations

from testcontainers.core.container import DockerContainer

from mongo_servers.containers import IMAGE, await_primary, free_port, initiate


class ReplicaSet:
    """Three members; an election takes about two seconds."""

    def __init__(self) -> None:
        self._members: dict[int, DockerContainer] = {}

    @property
    def url(self) -> str:
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self._members)}/laws?replicaSet=rs0"

    def start(self) -> None:
        for _ in range(3):
            port = free_port()
            command = f"mongod --replSet rs0 --port {port} --wiredTigerCacheSizeGB 0.25"
            member = DockerContainer(IMAGE).with_command(command).with_kwargs(network_mode="host")
            self._members[port] = member.start()
        initiate(list(self._members), electionTimeoutMillis=2000, heartbeatIntervalMillis=500)
        self.primary()

    def stop(self) -> None:
        while self._members:
            self._members.popitem()[1].stop()

    def primary(self) -> int:
        """The primary's port, when there is one."""
        return await_primary(*self._members)

    def kill(self, port: int) -> None:
        container = self._members[port].get_wrapped_container()
        container.kill()
        container.wait()

    def restart(self, port: int) -> None:
        self._members[port].get_wrapped_container().start()
