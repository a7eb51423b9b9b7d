"""A finding says what became of one law."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """The possible ends of a trial. The value is its name in reports."""

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
    """The end of one law's trial, with the reason.

    Attributes:
        law_id: The law.
        outcome: The end of its trial.
        told: The reason, in words; empty for a law that held.
        seconds: The time that it took.
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
        """The finding that `as_json` was made from."""
        return cls(**{**value, "outcome": Outcome(value["outcome"])})  # type: ignore[arg-type]
