"""Something that takes a while: one span, one duration, and what became of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Final, TypeAlias

from nact.otel._api import Histogram, Span, StatusCode, Tracer

Attributes: TypeAlias = Mapping[str, str | int]

# Names of attributes. They begin with nact, unless OpenTelemetry has one that means the same.
ACTOR_PATH: Final = "nact.actor.path"
ERROR_TYPE: Final = "error.type"
EVENT_COUNT: Final = "nact.persistence.event_count"
KEY: Final = "nact.persistence.key"
MAILBOX_GROUP: Final = "nact.mailbox.group"
SEQUENCE_NUMBER: Final = "nact.persistence.sequence_number"
SNAPSHOT_SEQUENCE_NUMBER: Final = "nact.persistence.snapshot_sequence_number"
SYSTEM_NAME: Final = "nact.system.name"


@contextmanager
def operation(
    tracer: Tracer, name: str, about: Attributes, duration: Histogram, attributes: Attributes
) -> Generator[Span, None, None]:
    """A span around the work, which is current meanwhile, and its duration in the histogram.

    Args:
        tracer: Makes the span.
        name: The span's name.
        about: What is told of this one: the span's attributes.
        duration: Where the time goes, in seconds.
        attributes: What it is counted under. They must be few.
    """
    begun = perf_counter()
    with tracer.start_as_current_span(
        name, attributes=about, record_exception=False, set_status_on_exception=False
    ) as span:
        outcome: Attributes = {}
        try:
            yield span
        except BaseException as error:
            outcome = failed(span, error)
            raise
        finally:
            duration.record(perf_counter() - begun, {**attributes, **outcome})


def failed(span: Span, error: BaseException) -> Attributes:
    """Marks the span. Returns what tells in a metric why.

    By the error's class alone: its text may show what somebody's event contains, and a trace goes far. It is logged.
    """
    kind = type(error).__qualname__
    span.set_status(StatusCode.ERROR)
    span.set_attribute(ERROR_TYPE, kind)
    return {ERROR_TYPE: kind}
