"""Watches one system: makes a span of what takes a while, and counts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
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
    Attributes,
    failed,
    operation,
)
from nact.otel._questions import TracedReply, within_questions

if TYPE_CHECKING:
    from nact._cell import Cell
    from nact.persistence._reading import Reader


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

    @contextmanager
    def persisting(self, key: str, sequence_number: int, count: int) -> Generator[None, None, None]:
        about: Attributes = {KEY: key, SEQUENCE_NUMBER: sequence_number, EVENT_COUNT: count}
        try:
            with operation(self._tracer, "nact persist", about, self._instruments.persist_duration, self._attributes):
                yield
        except SequenceConflictError:
            self._instruments.conflicts.add(1, self._attributes)
            raise

    @contextmanager
    def recovering(self, reader: Reader) -> Generator[None, None, None]:
        self._instruments.recoveries.add(1, self._attributes)
        try:
            with self._replay("nact recover", reader, self._instruments.recovery_duration):
                yield
        finally:
            self._instruments.recoveries.add(-1, self._attributes)

    def reading(self, reader: Reader) -> AbstractContextManager[object]:
        return self._replay("nact read", reader, self._instruments.read_duration)

    def taking_snapshot(self, key: str, sequence_number: int) -> AbstractContextManager[object]:
        about: Attributes = {KEY: key, SEQUENCE_NUMBER: sequence_number}
        return operation(self._tracer, "nact snapshot", about, self._instruments.snapshot_duration, self._attributes)

    def snapshot_failed(self) -> None:
        self._instruments.snapshot_failures.add(1, self._attributes)

    def dead_letter(self) -> None:
        self._instruments.dead_letters.add(1, self._attributes)

    @contextmanager
    def _replay(self, name: str, reader: Reader, duration: Histogram) -> Generator[None, None, None]:
        with operation(self._tracer, name, {KEY: reader.key}, duration, self._attributes) as span:
            try:
                yield
            finally:
                span.set_attribute(SEQUENCE_NUMBER, reader.position)
                span.set_attribute(SNAPSHOT_SEQUENCE_NUMBER, reader.start.sequence_number)
