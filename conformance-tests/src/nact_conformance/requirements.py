"""Declares the laws that an engine can't keep, and why, in one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """The laws that an engine can't keep, with reasons.

    A declared law is still tried: it shows in the report with its reason, and if it holds after all, the run fails.

    Attributes:
        cannot_keep: The reason for each law, by the law's id, as in `{"P-02": "lives in memory"}`.
    """

    cannot_keep: Mapping[str, str] = field(default_factory=dict)

    def reason(self, law_id: str) -> str | None:
        """The reason why the law can't be kept; `None` if it has to be kept."""
        return self.cannot_keep.get(law_id)

    def check(self, known: Collection[str]) -> None:
        """Returns if every declared law exists and has a reason.

        Raises:
            ValueError: Otherwise.
        """
        if unknown := sorted(set(self.cannot_keep) - set(known)):
            raise ValueError(f"requirements declare laws that don't exist: {', '.join(unknown)}")
        if silent := sorted(law_id for law_id, reason in self.cannot_keep.items() if not reason.strip()):
            raise ValueError(f"requirements declare laws without a reason: {', '.join(silent)}")

    def and_those(self, declared: Iterable[str]) -> Requirements:
        """These requirements and those of a command line, each as `P-02:reason`."""
        pairs = (each.partition(":") for each in declared)
        more = {law_id.strip(): reason.strip() for law_id, _, reason in pairs}
        return Requirements(cannot_keep={**self.cannot_keep, **more})
