"""Operations: each has a span, a duration and an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from types import TracebackType
from typing import Final, TypeAlias

from nact.otel._api import Histogram, Span, StatusCode, Tracer, attach, detach, set_span_in_context

Attributes: TypeAlias = Mapping[str, str | int]
Ended: TypeAlias = Callable[[Span, BaseException | None], None]

# Names of attributes. They begin with nact, unless OpenTelemetry defines one of the same meaning.
ACTOR_PATH: Final = "nact.actor.path"
ERROR_TYPE: Final = "error.type"
EVENT_COUNT: Final = "nact.persistence.event_count"
KEY: Final = "nact.persistence.key"
MAILBOX_GROUP: Final = "nact.mailbox.group"
SEQUENCE_NUMBER: Final = "nact.persistence.sequence_number"
SNAPSHOT_SEQUENCE_NUMBER: Final = "nact.persistence.snapshot_sequence_number"
SYSTEM_NAME: Final = "nact.system.name"


class Operation:
    """A context manager: a span that is current while the block runs, and its duration in a histogram.

    It is a class, since a generator would be slower, and each observed persist needs one.

    Args:
        tracer: Makes the span.
        name: The span's name.
        about: The span's attributes.
        duration: The histogram for the duration, in seconds.
        attributes: The histogram's attributes. They must have few different values.
        ended: Called at the end, with the error if there is one.
    """

    __slots__ = ("_about", "_attributes", "_begun", "_duration", "_ended", "_name", "_span", "_token", "_tracer")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        about: Attributes,
        *,
        duration: Histogram,
        attributes: Attributes,
        ended: Ended | None = None,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._about = about
        self._duration = duration
        self._attributes = attributes
        self._ended = ended

    def __enter__(self) -> None:
        self._begun = perf_counter()
        self._span = self._tracer.start_span(self._name, attributes=self._about)
        self._token = attach(set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        attributes = self._attributes if error is None else {**self._attributes, **failed(self._span, error)}
        self._duration.record(perf_counter() - self._begun, attributes)
        if self._ended is not None:
            self._ended(self._span, error)
        detach(self._token)
        self._span.end()


def failed(span: Span, error: BaseException) -> Attributes:
    """Marks the span as failed. Returns the attributes that name the error's class in a metric.

    The error's text is only logged: it may show the content of events, and traces are often sent to third parties.
    """
    kind = type(error).__qualname__
    span.set_status(StatusCode.ERROR)
    span.set_attribute(ERROR_TYPE, kind)
    return {ERROR_TYPE: kind}
