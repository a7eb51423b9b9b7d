"""The orders that an actor obeys between two messages. They are bits, so that several can be given at once."""

from __future__ import annotations

from typing import Final

START: Final = 1
"""Make the first state."""
RESET: Final = 2
"""Stop the children, and make the state anew."""
STOP: Final = 4
"""End, after the children have ended."""
ENDED: Final = 8
"""Not an order: the actor has ended."""
YIELD: Final = 16
"""Let the event loop run once before the next message: the actor has begun a task that is to keep up with it."""
