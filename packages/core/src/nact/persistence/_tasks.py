"""Tasks that may end with nobody left to hear of it."""

from __future__ import annotations

import asyncio
from typing import Any


def take_note(task: asyncio.Task[Any]) -> None:
    """A done callback: the task's error counts as heard, which asyncio would log otherwise."""
    if not task.cancelled():
        task.exception()
