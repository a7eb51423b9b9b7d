"""The metrics: one set of instruments for each meter provider, shared by all the systems that it measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, ref

from nact.otel._api import CallbackOptions, Histogram, Meter, MeterProvider, Observation, get_meter, get_meter_provider
from nact.otel._mailboxes import MailboxGroup, Surveyor
from nact.otel._operations import MAILBOX_GROUP, SYSTEM_NAME
from nact.persistence.building.group_commit import observe_batches

if TYPE_CHECKING:
    from nact.system import ActorSystem


def _version() -> str:
    try:
        return version("nact")
    except PackageNotFoundError:  # a bundle, by PyInstaller say, may lack the metadata
        return "unknown"


VERSION: Final = _version()

SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""The histograms' boundaries: from a write to a local disk to a duration that needs attention."""

SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Instruments:
    """The instruments of one meter provider. Observers record to them; a collection of metrics reads the mailboxes."""

    def __init__(self, meter: Meter) -> None:
        self._surveyor = Surveyor()
        self._lock = Lock()
        self._stop_observing_batches: Callable[[], None] | None = None
        self.query_duration = _duration(meter, "nact.query.duration", "From a query to its answer, or its failure.")
        self.persist_duration = _duration(meter, "nact.persist.duration", "Until an event, or a batch, is stored.")
        self.recovery_duration = _duration(meter, "nact.recovery.duration", "Until an actor has its state back.")
        self.read_duration = _duration(meter, "nact.read.duration", "Until a persistent query has read what is new.")
        self.snapshot_duration = _duration(meter, "nact.snapshot.duration", "Until a snapshot is stored.")
        self.conflicts = meter.create_counter(
            "nact.persist.conflicts", "{conflict}", "Writes that another writer of the key came before."
        )
        self.recoveries = meter.create_up_down_counter(
            "nact.recovery.active", "{recovery}", "Actors that recover now, or wait for their turn to."
        )
        self.snapshot_failures = meter.create_counter(
            "nact.snapshot.failures", "{snapshot}", "Snapshots that couldn't be taken, or couldn't be used."
        )
        self.dead_letters = meter.create_counter(
            "nact.dead_letters",
            "{message}",
            "Messages that weren't handled: their actor had stopped, or its mailbox was full.",
        )
        self.batch_size = meter.create_histogram(
            "nact.group_commit.batch.size",
            "{write}",
            "Writes that an engine stored together.",
            explicit_bucket_boundaries_advisory=SIZES,
        )
        self._look_at_mailboxes(meter)

    def add(self, system: ActorSystem, group: MailboxGroup | None) -> None:
        """Measures the system from now on."""
        with self._lock:
            self._surveyor.systems = (*self._others(system), (ref(system), group))
            if self._stop_observing_batches is None:
                self._stop_observing_batches = observe_batches(self.batch_size.record)

    def remove(self, system: ActorSystem) -> None:
        """Ends the measurement of the system."""
        with self._lock:
            self._surveyor.systems = self._others(system)
            if not self._surveyor.systems and self._stop_observing_batches is not None:
                self._stop_observing_batches()
                self._stop_observing_batches = None

    def _others(self, system: ActorSystem) -> tuple[tuple[ref[ActorSystem], MailboxGroup | None], ...]:
        return tuple(entry for entry in self._surveyor.systems if entry[0]() not in (system, None))

    def _look_at_mailboxes(self, meter: Meter) -> None:
        meter.create_observable_up_down_counter(
            "nact.actor.count", [self._figure("actors")], "{actor}", "Living actors."
        )
        meter.create_observable_up_down_counter(
            "nact.mailbox.length", [self._figure("messages")], "{message}", "Messages that wait in mailboxes."
        )
        meter.create_observable_gauge(
            "nact.mailbox.longest", [self._figure("longest")], "{message}", "Messages that wait in the longest mailbox."
        )

    def _figure(self, name: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        def observe(options: CallbackOptions) -> Iterator[Observation]:
            for survey in self._surveyor.surveys(name):
                group = {} if survey.group is None else {MAILBOX_GROUP: survey.group}
                yield Observation(getattr(survey, name), {SYSTEM_NAME: survey.system, **group})

        return observe


class _Global:
    """Stands for the global meter provider, also before it is set."""


_GLOBAL: Final = _Global()
_known: WeakKeyDictionary[object, Instruments] = WeakKeyDictionary()


def instruments_of(provider: MeterProvider | None) -> Instruments:
    """The provider's instruments, made once: a second callback for the same instrument would never be called."""
    key = _GLOBAL if provider is None or provider is get_meter_provider() else provider
    if key not in _known:
        _known[key] = Instruments(get_meter("nact", VERSION, provider))
    return _known[key]


def _duration(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)
