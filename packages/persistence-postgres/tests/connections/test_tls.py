from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from nact.errors import EngineUnavailableError, OutcomeUnknownError
from nact.persistence import PersistedEvent, engine_from_url
from nact_conformance.containers import PostgresStorage
from nact_conformance.storages_in_use import use
from nact_persistence_postgres import PostgresPersistenceEngine

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(containers: None, authority: trustme.CA) -> PostgresStorage:
    """A server that takes no connection without TLS, with a certificate for 127.0.0.1."""
    server = PostgresStorage()
    use(server)
    certificate = authority.issue_cert("127.0.0.1")
    files = {"server.key": certificate.private_key_pem, "server.crt": certificate.cert_chain_pems[0]}
    for name, content in files.items():
        server.run("sh", "-c", f"umask 077; cat > $PGDATA/{name} <<'END'\n{content.bytes().decode()}END")
    server.run("sh", "-c", "chown postgres $PGDATA/server.*; sed -i '$ s/^host /hostssl /' $PGDATA/pg_hba.conf")
    for change in ("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"):
        server.run("psql", "-U", "test", "-c", change)
    return server


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file that tells whom to trust."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


async def works(engine: PostgresPersistenceEngine, key: str) -> bool:
    await engine.persist(PersistedEvent(key=key, sequence_number=1, data=None))
    return [event.sequence_number async for event in engine.events(key)] == [1]


async def test_a_url_can_ask_for_a_server_that_proves_who_it_is(
    secured: PostgresStorage, trusted: Path, key: str
) -> None:
    engine = engine_from_url(f"{secured.bare_url}?sslmode=verify-full&sslrootcert={trusted}")
    assert isinstance(engine, PostgresPersistenceEngine)
    async with engine:
        assert await works(engine, key)


async def test_a_context_is_passed_on(secured: PostgresStorage, authority: trustme.CA, key: str) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with PostgresPersistenceEngine(secured.bare_url, ssl=context) as engine:
        assert await works(engine, key)


async def test_a_certificate_that_is_not_trusted_is_refused_at_once(
    secured: PostgresStorage, tmp_path: Path, key: str
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    url = f"{secured.bare_url}?sslmode=verify-full&sslrootcert={tmp_path / 'other.pem'}"
    with pytest.raises(EngineUnavailableError, match="certificate") as caught:
        await PostgresPersistenceEngine(url, retry_for=60).persist(
            PersistedEvent(key=key, sequence_number=1, data=None)
        )
    assert not isinstance(caught.value, OutcomeUnknownError)


async def test_a_server_of_another_name_is_refused_at_once(secured: PostgresStorage, trusted: Path, key: str) -> None:
    url = f"{secured.bare_url}?sslmode=verify-full&sslrootcert={trusted}".replace("127.0.0.1", "localhost")
    with pytest.raises(EngineUnavailableError, match="certificate"):
        await PostgresPersistenceEngine(url, retry_for=60).persist(
            PersistedEvent(key=key, sequence_number=1, data=None)
        )


async def test_a_server_that_insists_on_tls_is_not_reached_without(secured: PostgresStorage, key: str) -> None:
    with pytest.raises(EngineUnavailableError, match=r"pg_hba\.conf"):
        await PostgresPersistenceEngine(f"{secured.bare_url}?sslmode=disable").persist(
            PersistedEvent(key=key, sequence_number=1, data=None)
        )
