"""The one class that an engine's author subclasses: all laws, and what they are tried on."""

from __future__ import annotations

from typing import Any

from nact_conformance.author import EngineUnderTest
from nact_conformance.back_door import BackDoor, EmptyingBackDoor, MetadataBackDoor
from nact_conformance.law import laws_of
from nact_conformance.laws.batches import BatchLaws
from nact_conformance.laws.beginnings import BeginningLaws
from nact_conformance.laws.cancellation import CancellationLaws
from nact_conformance.laws.conflicts import ConflictLaws
from nact_conformance.laws.corruption import CorruptionLaws
from nact_conformance.laws.deletion import DeletionLaws
from nact_conformance.laws.effort import EffortLaws
from nact_conformance.laws.emptied_storage import EmptiedStorageLaws
from nact_conformance.laws.exactness import ExactnessLaws
from nact_conformance.laws.highest_number import HighestNumberLaws
from nact_conformance.laws.isolation import IsolationLaws
from nact_conformance.laws.journal import JournalLaws
from nact_conformance.laws.known_outcomes import KnownOutcomeLaws
from nact_conformance.laws.late_delivery import LateDeliveryLaws
from nact_conformance.laws.lifecycle import LifecycleLaws
from nact_conformance.laws.listing import ListingLaws
from nact_conformance.laws.lost_messages import LostMessageLaws
from nact_conformance.laws.metadata import MetadataLaws
from nact_conformance.laws.outages import OutageLaws
from nact_conformance.laws.processes import ProcessLaws
from nact_conformance.laws.random_histories import RandomHistoryLaws
from nact_conformance.laws.silent_connections import SilentConnectionLaws
from nact_conformance.laws.snapshots import SnapshotLaws
from nact_conformance.laws.sudden_ends import SuddenEndLaws
from nact_conformance.laws.tags import TagLaws
from nact_conformance.requirements import Requirements

__all__ = ["BackDoor", "ConformanceSuite", "EmptyingBackDoor", "MetadataBackDoor", "Requirements"]


class ConformanceSuite(
    JournalLaws,
    ConflictLaws,
    IsolationLaws,
    TagLaws,
    ExactnessLaws,
    MetadataLaws,
    BatchLaws,
    DeletionLaws,
    BeginningLaws,
    HighestNumberLaws,
    ListingLaws,
    SnapshotLaws,
    LifecycleLaws,
    SuddenEndLaws,
    CancellationLaws,
    RandomHistoryLaws,
    ProcessLaws,
    LostMessageLaws,
    OutageLaws,
    LateDeliveryLaws,
    KnownOutcomeLaws,
    SilentConnectionLaws,
    EffortLaws,
    CorruptionLaws,
    EmptiedStorageLaws,
    EngineUnderTest,
):
    """All laws. A subclass whose name begins with `Test` says which engine they are tried on, and pytest does the rest.

    It overrides the methods of `EngineUnderTest`: either `url` (or `storage`), and everything follows from that; or
    `engine` and `reopen`.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.requirements.check(laws_of(cls))
