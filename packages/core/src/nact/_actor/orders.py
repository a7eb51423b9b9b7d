"""The orders that an actor obeys between two messages: bits, for several may be given at once."""

from __future__ import annotations

from typing import Final

START: Final = 1
"""Make the first state."""
RESET: Final = 2
"""Stop the children, and make the state anew."""
STOP: Final = 4
"""End, when the children have."""
ENDED: Final = 8
"""No order any more: it has ended."""
