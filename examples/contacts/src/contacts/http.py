"""The contacts service over HTTP: `python -m contacts.http`, or `uvicorn contacts.http:app`.

The environment's `DATABASE_URL` names the engine; without it the journal is the file `contacts.db`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from contacts.actors import spawn_contacts_service
from contacts.messages import (
    Answer,
    Changes,
    Contact,
    ContactList,
    CreateContact,
    Details,
    GetContact,
    ListContacts,
    NotFound,
    Refused,
    RemoveContact,
    Request,
    UpdateContact,
)
from nact import (
    ActorStoppedError,
    Duration,
    HandlerFailedError,
    QueryTimeoutError,
    configure_persistence,
    engine_from_url,
    query,
    seconds,
    start,
)
from nact.persistence import PersistenceEngine

Body = TypeVar("Body")


def engine_from_environment() -> PersistenceEngine:
    """The engine that `DATABASE_URL` names."""
    return engine_from_url(os.environ.get("DATABASE_URL", "sqlite:///contacts.db"))


def make_app(
    make_engine: Callable[[], PersistenceEngine] = engine_from_environment, *, timeout: Duration = 5 * seconds
) -> Starlette:
    """The web application. Its actors live from its startup to its shutdown.

    Args:
        make_engine: Makes the persistence engine, at startup. It is closed at shutdown.
        timeout: How long to wait for an actor's answer, before the client is told 504.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        persistence = configure_persistence(make_engine())
        async with start(persistence, name="address-books", stop_timeout=timeout) as system:
            yield {"service": spawn_contacts_service(system), "timeout": timeout}

    contacts = "/api/{user_id}/contacts"
    contact = contacts + "/{contact_id}"
    return Starlette(
        routes=[
            Route(contacts, list_contacts, methods=["GET"]),
            Route(contacts, create_contact, methods=["POST"]),
            Route(contact, get_contact, methods=["GET"]),
            Route(contact, update_contact, methods=["PATCH"]),
            Route(contact, remove_contact, methods=["DELETE"]),
        ],
        exception_handlers=dict.fromkeys(
            (HTTPException, QueryTimeoutError, HandlerFailedError, ActorStoppedError), _failed
        ),
        lifespan=lifespan,
    )


# --- endpoints --------------------------------------------------------------------------------------------------------


async def list_contacts(request: HttpRequest) -> Response:
    """All contacts of a user: 200."""
    return await _answer(request, ListContacts(request.path_params["user_id"]))


async def create_contact(request: HttpRequest) -> Response:
    """A new contact: 201, and where it is."""
    details = await _body(request, Details)
    return await _answer(request, CreateContact(request.path_params["user_id"], details), created=True)


async def get_contact(request: HttpRequest) -> Response:
    """One contact: 200, or 404."""
    return await _answer(request, GetContact(**request.path_params))


async def update_contact(request: HttpRequest) -> Response:
    """New details of a contact: 200, or 404. What isn't in the body stays as it is."""
    return await _answer(request, UpdateContact(**request.path_params, changes=await _body(request, Changes)))


async def remove_contact(request: HttpRequest) -> Response:
    """Removes a contact: 200 with the contact as it was, or 404."""
    return await _answer(request, RemoveContact(**request.path_params))


async def _answer(request: HttpRequest, message: Request, *, created: bool = False) -> Response:
    answer: Answer = await query(request.state.service, message, request.state.timeout)
    match answer:
        case ContactList(contacts):
            return _json(200, contacts)
        case Contact(id=contact_id) if created:
            return _json(201, answer, {"Location": f"{request.url.path}/{contact_id}"})
        case Contact():
            return _json(200, answer)
        case NotFound(contact_id):
            return _error(404, f"there is no contact {contact_id!r}")
        case Refused(reason):
            return _error(422, reason)


async def _body(request: HttpRequest, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        raise HTTPException(422, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HTTPException(422, f"the body isn't JSON: {error}") from error


# --- responses --------------------------------------------------------------------------------------------------------


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")


def _error(status: int, what: str, headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"error": what}, headers)


async def _failed(_: HttpRequest, error: Exception) -> Response:
    match error:
        case HTTPException():
            return _error(error.status_code, error.detail, dict(error.headers or {}))
        case QueryTimeoutError():
            return _error(504, f"{error}; whether it was done isn't known")
        case HandlerFailedError():
            return _error(503, f"{error}; whether it was done isn't known")
        case _:
            return _error(503, f"shutting down: {error}")


app = make_app()


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m contacts.http", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    uvicorn.run(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
