"""Which images are run: the official ones, or those that the environment names."""

from __future__ import annotations

import os

IMAGES = {
    "TEST_POSTGRES_OLD_IMAGE": "postgres:15-alpine",
    "TEST_POSTGRES_IMAGE": "postgres:17-alpine",
    "TEST_PGBOUNCER_IMAGE": "edoburu/pgbouncer:v1.24.1-p1",
    "TEST_REDIS_OLD_IMAGE": "redis:7-alpine",
    "TEST_REDIS_IMAGE": "redis:8-alpine",
    "TEST_VALKEY_IMAGE": "valkey/valkey:8-alpine",
    "TEST_MONGO_IMAGE": "mongo:7",
}
"""The environment variable for each image, and what is run where it isn't set."""


def image(variable: str) -> str:
    """The image that an environment variable names, or the official one."""
    return os.environ.get(variable) or IMAGES[variable]
