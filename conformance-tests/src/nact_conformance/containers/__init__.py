"""Real servers in containers, as the fault laws need them: `pip install "nact-conformance[containers]"`."""

from nact_conformance.containers._extra import EXTRA
from nact_conformance.containers.container_storage import ContainerStorage, NotReadyError
from nact_conformance.containers.docker_engine import require_docker
from nact_conformance.containers.images import IMAGES, image
from nact_conformance.containers.mongo import MongoReplicaSet, MongoStorage
from nact_conformance.containers.pgbouncer import PgBouncerStorage
from nact_conformance.containers.postgres import PostgresStorage
from nact_conformance.containers.redis import DURABLE, RedisStorage

__all__ = [
    "DURABLE",
    "EXTRA",
    "IMAGES",
    "ContainerStorage",
    "MongoReplicaSet",
    "MongoStorage",
    "NotReadyError",
    "PgBouncerStorage",
    "PostgresStorage",
    "RedisStorage",
    "image",
    "require_docker",
]
