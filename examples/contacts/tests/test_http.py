"""The HTTP service, as its clients see it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import pytest
from starlette.testclient import TestClient

from contacts.http import app, make_app
from nact import engine_from_url
from nact.persistence import MemoryPersistenceEngine, PersistedEvent

CONTACTS = "/api/ada/contacts"
GRACE = {"name": "Grace Hopper", "email": "grace@example.com", "phone": None}


@pytest.fixture
def client(url: str) -> Iterator[TestClient]:
    with TestClient(make_app(lambda: engine_from_url(url))) as client:
        yield client


def created(client: TestClient) -> dict[str, str]:
    contact: dict[str, str] = client.post(CONTACTS, json=GRACE).json()
    return contact


def test_a_post_creates_a_contact_and_tells_where_it_is(client: TestClient) -> None:
    response = client.post(CONTACTS, json=GRACE)
    contact = response.json()
    assert response.status_code == 201
    assert contact == {**GRACE, "id": contact["id"]}
    assert response.headers["location"] == f"{CONTACTS}/{contact['id']}"
    assert client.get(response.headers["location"]).json() == contact


def test_a_list_holds_the_users_contacts_and_nobody_elses(client: TestClient) -> None:
    contact = created(client)
    assert client.get(CONTACTS).json() == [contact]
    assert client.get("/api/grace/contacts").json() == []


def test_a_patch_changes_what_it_names(client: TestClient) -> None:
    contact = created(client)
    response = client.patch(f"{CONTACTS}/{contact['id']}", json={"phone": "1906", "email": None})
    assert response.status_code == 200
    assert response.json() == {**contact, "phone": "1906", "email": None}
    assert client.get(f"{CONTACTS}/{contact['id']}").json() == response.json()


def test_a_delete_answers_with_what_was_removed(client: TestClient) -> None:
    contact = created(client)
    response = client.delete(f"{CONTACTS}/{contact['id']}")
    assert (response.status_code, response.json()) == (200, contact)
    assert client.get(CONTACTS).json() == []


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {"name": "Grace"}), ("DELETE", None)])
def test_a_missing_contact_is_404(client: TestClient, method: str, body: object) -> None:
    response = client.request(method, f"{CONTACTS}/missing", json=body)
    assert (response.status_code, response.json()) == (404, {"error": "there is no contact 'missing'"})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"not json", "JSON"),
        (b'{"name": "\xff"}', "JSON"),
        (b'{"name": "\\ud800"}', "JSON"),
        (b'["Grace"]', "object"),
        (b"null", "object"),
        (b'{"name": 1}', "name"),
        (b'{"name": ""}', "name"),
        (b'{"name": null}', "name"),
        (b'{"name": "Grace", "email": ["grace@example.com"]}', "email"),
        (b'{"name": "Grace", "fone": "1906"}', "fone"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_bad_body_is_422_and_says_what_is_wrong(client: TestClient, method: str, body: bytes, told: str) -> None:
    contact = created(client)
    address = CONTACTS if method == "POST" else f"{CONTACTS}/{contact['id']}"
    response = client.request(method, address, content=body)
    assert response.status_code == 422
    assert told in response.json()["error"]
    assert client.get(CONTACTS).json() == [contact]


def test_a_new_contact_needs_a_name(client: TestClient) -> None:
    response = client.post(CONTACTS, json={"email": "grace@example.com"})
    assert response.status_code == 422
    assert "name" in response.json()["error"]


def test_other_methods_and_addresses_are_errors_in_json_too(client: TestClient) -> None:
    response = client.put(CONTACTS, json=GRACE)
    assert (response.status_code, response.json()) == (405, {"error": "Method Not Allowed"})
    assert "GET" in response.headers["allow"]
    assert client.get("/elsewhere").json() == {"error": "Not Found"}


def test_contacts_are_there_after_a_restart(url: str) -> None:
    with TestClient(make_app(lambda: engine_from_url(url))) as client:
        contact = created(client)
    with TestClient(make_app(lambda: engine_from_url(url))) as client:
        assert client.get(CONTACTS).json() == [contact]


def test_the_environment_names_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/named.db")
    with TestClient(app) as client:
        created(client)
    assert (tmp_path / "named.db").is_file()


def test_without_an_environment_the_journal_is_a_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with TestClient(app) as client:
        created(client)
    assert (tmp_path / "contacts.db").is_file()


class SlowEngine(MemoryPersistenceEngine):
    """Stores nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_store = threading.Event()

    async def persist(self, event: PersistedEvent) -> None:
        await anyio.to_thread.run_sync(self.may_store.wait)
        await super().persist(event)


def test_an_answer_that_does_not_come_in_time_is_504() -> None:
    engine = SlowEngine()
    with TestClient(make_app(lambda: engine, timeout=0.05)) as client:
        response = client.post(CONTACTS, json=GRACE)
        engine.may_store.set()
    assert response.status_code == 504
    assert "isn't known" in response.json()["error"]
