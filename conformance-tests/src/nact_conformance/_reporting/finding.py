"""What was found about an engine: one finding for each law."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What became of a law. The value is how reports call it."""

    HELD = "held"
    BROKEN = "broken"
    DECLARED = "declared"
    HELD_THOUGH_DECLARED = "held, though declared"
    NOT_OFFERED = "not offered"
    NOT_TESTED = "not tested"
    NOT_RUN = "not run"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one law.

    Attributes:
        law_id: The law.
        outcome: What became of it.
        told: Why, in words; empty for a law that held.
        seconds: How long it took.
        engine: The engine's class, distribution and version, empty where none could be made.
        server: The server's version, empty where there is none.
    """

    law_id: str
    outcome: Outcome
    told: str = ""
    seconds: float = 0.0
    engine: str = ""
    server: str = ""

    def as_json(self) -> dict[str, object]:
        """As JSON's types."""
        return {name: getattr(self, name) for name in self.__slots__} | {"outcome": self.outcome.value}

    @classmethod
    def from_json(cls, value: dict[str, object]) -> Finding:
        """What `as_json` was made from."""
        return cls(**{**value, "outcome": Outcome(value["outcome"])})  # type: ignore[arg-type]
