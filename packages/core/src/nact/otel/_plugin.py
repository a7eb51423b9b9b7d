"""`configure_opentelemetry`, the plugin that observes a system."""

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
    """A plugin for `start`: sends spans and metrics of the system to OpenTelemetry.

    Each query, persist, recovery, snapshot and persistent query has a span, with the persistence key and the sequence
    number. There are metrics of these, and of mailboxes, batches, conflicts and dead letters. The handler of a question
    runs within the question's span; its own persists and queries are children of that. A dispatched message has no
    span.

    Args:
        tracer_provider: The provider for spans; by default the global one.
        meter_provider: The provider for metrics; by default the global one.
        mailbox_group: A function from an actor's reference to the name of the group that its mailbox is counted in. By
            default a system's mailboxes are one group. Use few names: each is a time series. It may be called in
            another thread.

    Raises:
        TypeError: An argument is invalid.
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
    """A resource of the system that ends the measurement with it."""

    def __init__(self, system: ActorSystem, instruments: Instruments) -> None:
        self._system: Final = system
        self._instruments: Final = instruments

    async def aclose(self) -> None:
        self._instruments.remove(self._system)


def _leave_span() -> None:
    """Removes the current span from the context of handlers, which outlive the span that the system was started in."""
    attach(set_span_in_context(INVALID_SPAN))
