"""Opens and closes a system's resources, such as its persistence engine, together with the system."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class _Closeable(Protocol):
    async def aclose(self) -> None: ...


class Resources:
    """Opens resources in order, and closes each once, in reverse order, even if closing another one fails."""

    def __init__(self) -> None:
        self._known: list[object] = []
        self._open: list[AbstractAsyncContextManager[Any]] = []

    def add(self, resource: object) -> None:
        """Adds a resource: an async context manager, an object with `aclose()`, or neither."""
        self._known.append(resource)

    async def open(self) -> None:
        """Enters every async context manager. Other resources open themselves at their first use."""
        for resource in self._known:
            if isinstance(resource, AbstractAsyncContextManager):
                await resource.__aenter__()
                self._open.append(resource)

    async def close(self) -> None:
        """Closes all resources, then raises the first error."""
        failed: BaseException | None = None
        while self._known:
            resource = self._known.pop()
            try:
                if resource in self._open:
                    await self._open.pop().__aexit__(None, None, None)
                elif isinstance(resource, _Closeable):
                    await resource.aclose()
            except BaseException as error:
                failed = failed or error
        if failed is not None:
            raise failed
