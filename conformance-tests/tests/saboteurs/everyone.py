"""All saboteurs, by name."""

from saboteurs import (
    batches,
    cancellation,
    conflicts,
    deletion,
    exactness,
    faults,
    growth,
    histories,
    isolation,
    journal,
    lifecycle,
    listing,
    marred,
    processes,
    snapshots,
    tags,
)
from saboteurs.sabotage import SABOTEURS

__all__ = ["SABOTEURS"]

MODULES = (
    batches, cancellation, conflicts, deletion, exactness, faults, growth, histories, isolation, journal, lifecycle,
    listing, marred, processes, snapshots, tags,
)  # fmt: skip
