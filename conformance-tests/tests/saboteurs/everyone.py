"""All saboteurs, by name."""

from saboteurs import (
    batches,
    beginnings,
    cancellation,
    conflicts,
    deletion,
    emptied,
    endings,
    exactness,
    faults,
    growth,
    highest,
    histories,
    isolation,
    journal,
    knowing,
    late,
    lifecycle,
    listing,
    marred,
    metadata,
    processes,
    resources,
    snapshots,
    tags,
)
from saboteurs.sabotage import SABOTEURS

__all__ = ["SABOTEURS"]

MODULES = (
    batches, beginnings, cancellation, conflicts, deletion, emptied, endings, exactness, faults, growth, highest,
    histories, isolation, journal, knowing, late, lifecycle, listing, marred, metadata, processes, resources,
    snapshots, tags,
)  # fmt: skip
