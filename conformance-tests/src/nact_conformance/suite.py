"""The one class that an engine's author subclasses: all laws, and what they are tried on."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, ClassVar

from nact.persistence import PersistenceEngine
from nact_conformance import factory as factories
from nact_conformance.back_door import BackDoor, EmptyingBackDoor, MetadataBackDoor
from nact_conformance.law import laws_of
from nact_conformance.laws.batches import BatchLaws
from nact_conformance.laws.beginnings import BeginningLaws
from nact_conformance.laws.cancellation import CancellationLaws
from nact_conformance.laws.conflicts import ConflictLaws
from nact_conformance.laws.deletion import DeletionLaws
from nact_conformance.laws.emptied import EmptiedStorageLaws
from nact_conformance.laws.endings import EndingLaws
from nact_conformance.laws.exactness import ExactnessLaws
from nact_conformance.laws.faults import FaultLaws
from nact_conformance.laws.growth import GrowthLaws
from nact_conformance.laws.highest import HighestLaws
from nact_conformance.laws.histories import RandomHistoryLaws
from nact_conformance.laws.isolation import IsolationLaws
from nact_conformance.laws.journal import JournalLaws
from nact_conformance.laws.knowing import KnownOutcomeLaws
from nact_conformance.laws.late import LateDeliveryLaws
from nact_conformance.laws.lifecycle import LifecycleLaws
from nact_conformance.laws.listing import ListingLaws
from nact_conformance.laws.marred import MarredStorageLaws
from nact_conformance.laws.metadata import MetadataLaws
from nact_conformance.laws.outages import OutageLaws
from nact_conformance.laws.processes import ProcessLaws
from nact_conformance.laws.silence import SilenceLaws
from nact_conformance.laws.snapshots import SnapshotLaws
from nact_conformance.laws.tags import TagLaws
from nact_conformance.needs import Need
from nact_conformance.requirements import Requirements
from nact_conformance.storage import FileStorage, RefusingStorage, ServerStorage, Storage

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
    HighestLaws,
    ListingLaws,
    SnapshotLaws,
    LifecycleLaws,
    EndingLaws,
    CancellationLaws,
    RandomHistoryLaws,
    ProcessLaws,
    FaultLaws,
    OutageLaws,
    LateDeliveryLaws,
    KnownOutcomeLaws,
    SilenceLaws,
    GrowthLaws,
    MarredStorageLaws,
    EmptiedStorageLaws,
):
    """All laws. A subclass whose name begins with `Test` says which engine they are tried on, and pytest does the rest.

    It overrides either `url` (or `storage`), and everything follows from that; or `engine` and `reopen`. These are
    plain methods, not fixtures: the kit calls them inside the event loop in which it tries a law, a fresh one for each.

    Attributes:
        folder: An empty folder for this try of a law.
        requirements: What the engine can't keep, and why.
        factory: `module:function` that makes an engine from the URL, here and in other processes.
    """

    folder: Path
    requirements: Requirements = Requirements()
    factory: ClassVar[str] = factories.DEFAULT

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.requirements.check(laws_of(cls))
        for name in ("engine", "reopen", "url", "storage", "back_door", "round_trips"):
            if not inspect.isfunction(getattr(cls, name)) or hasattr(getattr(cls, name), "_pytestfixturefunction"):
                raise TypeError(f"{cls.__name__}.{name} must be a plain method, not a fixture: the kit calls it itself")

    def url(self) -> str | None:
        """Where the engine stores, as its factory understands it. With this, other processes find the storage too."""
        return None

    def storage(self) -> Storage | None:
        """Where the engine stores; a `ServerStorage` for the fault laws. The same object each time, if it is costly."""
        url = self.url()
        return None if url is None else FileStorage(url)

    def engine(self) -> PersistenceEngine | Awaitable[PersistenceEngine]:
        """A new engine, not yet opened."""
        storage = self.storage()
        if storage is None:
            raise TypeError(f"{type(self).__name__} must override `url`, `storage` or `engine`")
        return factories.make_engine(self.factory, storage.url)

    def reopen(self) -> PersistenceEngine | Awaitable[PersistenceEngine]:
        """Another new engine, independent of those before, on the storage of the last call of `engine`."""
        return self.engine()

    def back_door(self) -> BackDoor | None:
        """Raw access to the storage, where the author gives it."""
        return None

    def round_trips(self, engine: PersistenceEngine) -> int | None:  # noqa: ARG002 (for those who override it)
        """How many round trips, or statements, this engine has made so far, where the author counts them."""
        return None


def given(suite: ConformanceSuite, need: Need) -> bool:
    """Whether the engine's author gave this."""
    kind = type(suite)
    if need is Need.SECOND_CLIENT:
        return kind.reopen is not ConformanceSuite.reopen or suite.storage() is not None
    if need is Need.OTHER_PROCESSES:
        return suite.storage() is not None
    if need is Need.SERVER:
        return isinstance(suite.storage(), ServerStorage)
    if need is Need.REFUSING:
        return isinstance(suite.storage(), RefusingStorage)
    if need is Need.EMPTYING:
        return isinstance(suite.back_door(), EmptyingBackDoor)
    if need is Need.METADATA_BACK_DOOR:
        return isinstance(suite.back_door(), MetadataBackDoor)
    if need is Need.BACK_DOOR:
        return suite.back_door() is not None
    return kind.round_trips is not ConformanceSuite.round_trips
