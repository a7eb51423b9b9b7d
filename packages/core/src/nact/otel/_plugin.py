"""The plugin that has a system observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nact.otel._api import INVALID_SPAN, MeterProvider, TracerProvider, attach, get_tracer, set_span_in_context
from nact.otel._instruments import VERSION, Instruments, instruments_of
from nact.otel._mailboxes import MailboxGroup
from nact.otel._observer import SystemObserver

if TYPE_CHECKING:
    from nact.system import ActorSystem


def configure_opentelemetry(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    mailbox_group: MailboxGroup | None = None,
) -> Callable[[ActorSystem], None]:
    """A plugin for `start`: spans and metrics of what the system does go to OpenTelemetry.

    A span for each query, persist, recovery, snapshot and persistent query, with the persistence key and the sequence
    number; metrics of the same, of mailboxes, batches, conflicts and dead letters. Handlers of a question run within
    its span, and so does what they persist and ask. Messages that are just dispatched have no span.

    Args:
        tracer_provider: Where spans go; the global provider, if not given.
        meter_provider: Where metrics go; the global provider, if not given.
        mailbox_group: Names the group that an actor's mailbox is counted in, from the actor's reference. By default a
            system's mailboxes are one group. Name few: each is a time series. May be called in another thread.

    Raises:
        TypeError: An argument can't be.
    """
    for argument, value, kind in (
        ("tracer_provider", tracer_provider, TracerProvider),
        ("meter_provider", meter_provider, MeterProvider),
    ):
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{argument} must be OpenTelemetry's {kind.__name__}, not {value!r}")
    if mailbox_group is not None and not callable(mailbox_group):
        raise TypeError(f"mailbox_group must be a function, not {mailbox_group!r}")
    tracer = get_tracer("nact", VERSION, tracer_provider)
    instruments = instruments_of(meter_provider)

    def plugin(system: ActorSystem) -> None:
        system._runtime.be_observed(SystemObserver(system.name, tracer, instruments))
        system._runtime.scheduler.base_context.run(_leave_span)
        instruments.add(system, mailbox_group)
        system._runtime.resources.add(_Measured(system, instruments))

    return plugin


class _Measured:
    """Ends with the system."""

    def __init__(self, system: ActorSystem, instruments: Instruments) -> None:
        self._system: Final = system
        self._instruments: Final = instruments

    async def aclose(self) -> None:
        self._instruments.remove(self._system)


def _leave_span() -> None:
    """Handlers run in the context in which the system was started. It isn't that span's work, all that they ever do."""
    attach(set_span_in_context(INVALID_SPAN))
