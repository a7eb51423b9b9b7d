"""The observer of one system: makes spans and metrics of its operations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nact.errors import SequenceConflictError
from nact.otel._api import Histogram, Span, Tracer
from nact.otel._instruments import Instruments
from nact.otel._operations import (
    ACTOR_PATH,
    EVENT_COUNT,
    KEY,
    SEQUENCE_NUMBER,
    SNAPSHOT_SEQUENCE_NUMBER,
    SYSTEM_NAME,
    Operation,
    failed,
)
from nact.otel._questions import TracedReply, within_questions

if TYPE_CHECKING:
    from nact._actor.cell import Cell
    from nact._runtime.observing import Reading


class SystemObserver:
    """The `Observer` that `configure_opentelemetry` gives a system."""

    def __init__(self, system_name: str, tracer: Tracer, instruments: Instruments) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._attributes = {SYSTEM_NAME: system_name}

    def handler(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return within_questions(f)

    def new_reply(self, asked: Cell, timeout: float) -> TracedReply:
        begun = perf_counter()

        def answered(span: Span, error: BaseException | None) -> None:
            outcome = {} if error is None else failed(span, error)
            span.end()
            self._instruments.query_duration.record(perf_counter() - begun, {**self._attributes, **outcome})

        span = self._tracer.start_span("nact query", attributes={ACTOR_PATH: asked.ref.path})
        return TracedReply(asked, timeout, span, answered)

    def persisting(self, key: str, sequence_number: int, count: int) -> Operation:
        return Operation(
            self._tracer,
            "nact persist",
            {KEY: key, SEQUENCE_NUMBER: sequence_number, EVENT_COUNT: count},
            duration=self._instruments.persist_duration,
            attributes=self._attributes,
            ended=self._persisted,
        )

    def _persisted(self, span: Span, error: BaseException | None) -> None:
        if isinstance(error, SequenceConflictError):
            self._instruments.conflicts.add(1, self._attributes)

    def recovering(self, reader: Reading) -> Operation:
        active = self._instruments.recoveries
        active.add(1, self._attributes)
        over = partial(active.add, -1, self._attributes)
        return self._replay("nact recover", reader, self._instruments.recovery_duration, over)

    def reading(self, reader: Reading) -> Operation:
        return self._replay("nact read", reader, self._instruments.read_duration)

    def _replay(
        self, name: str, reader: Reading, duration: Histogram, over: Callable[[], None] | None = None
    ) -> Operation:
        def ended(span: Span, error: BaseException | None) -> None:
            span.set_attribute(SEQUENCE_NUMBER, reader.position)
            span.set_attribute(SNAPSHOT_SEQUENCE_NUMBER, reader.start.sequence_number)
            if over is not None:
                over()

        return Operation(
            self._tracer, name, {KEY: reader.key}, duration=duration, attributes=self._attributes, ended=ended
        )

    def taking_snapshot(self, key: str, sequence_number: int) -> Operation:
        return Operation(
            self._tracer,
            "nact snapshot",
            {KEY: key, SEQUENCE_NUMBER: sequence_number},
            duration=self._instruments.snapshot_duration,
            attributes=self._attributes,
        )

    def snapshot_failed(self) -> None:
        self._instruments.snapshot_failures.add(1, self._attributes)

    def dead_letter(self) -> None:
        self._instruments.dead_letters.add(1, self._attributes)
