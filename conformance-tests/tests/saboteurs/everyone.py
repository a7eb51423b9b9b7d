"""All saboteurs, by name."""

from saboteurs import (
    batches,
    beginnings,
    cancellation,
    conflicts,
    corruption,
    deletion,
    effort,
    emptied_storage,
    exactness,
    highest_number,
    isolation,
    journal,
    known_outcomes,
    late_delivery,
    lifecycle,
    listing,
    lost_messages,
    metadata,
    processes,
    random_histories,
    resources,
    snapshots,
    sudden_ends,
    tags,
)
from saboteurs.sabotage import SABOTEURS

__all__ = ["SABOTEURS"]

MODULES = (
    batches, beginnings, cancellation, conflicts, corruption, deletion, effort, emptied_storage, exactness,
    highest_number, isolation, journal, known_outcomes, late_delivery, lifecycle, listing, lost_messages, metadata,
    processes, random_histories, resources, snapshots, sudden_ends, tags,
)  # fmt: skip
