"""What a system opens and closes with itself: its persistence engine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class _Closeable(Protocol):
    async def aclose(self) -> None: ...


class Resources:
    """Opens what can be opened, in order, and closes it in reverse, once, even where closing one of them fails."""

    def __init__(self) -> None:
        self._known: list[object] = []
        self._open: list[AbstractAsyncContextManager[Any]] = []

    def add(self, resource: object) -> None:
        """Takes charge of something that may be an async context manager, or have an `aclose()`, or neither."""
        self._known.append(resource)

    async def open(self) -> None:
        """Enters every async context manager. What isn't one opens itself at first use."""
        for resource in self._known:
            if isinstance(resource, AbstractAsyncContextManager):
                await resource.__aenter__()
                self._open.append(resource)

    async def close(self) -> None:
        """Closes all. Raises the first error in the end."""
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
