"""Collects the tests' spans and metrics, and has an actor and an engine to make some."""

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nact import ActorRef, ActorSystem, Context, PersistentContext, dispatch, query
from nact.otel import configure_opentelemetry
from nact.persistence import MemoryPersistenceEngine, PersistedEvent, PersistedSnapshot

PATIENCE = 10.0
"""Seconds until a test that hangs fails."""


class Telemetry:
    """Providers of one test, and what came of them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tracer = self.tracer_provider.get_tracer("test")

    def plugin(self, **options: Any) -> Callable[[ActorSystem], None]:
        return configure_opentelemetry(
            tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **options
        )

    def spans(self, name: str) -> list[ReadableSpan]:
        """Those that have ended, in the order of their ends."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        (span,) = self.spans(name)
        return span

    def points(self, name: str) -> list[Any]:
        """The metric's data points now."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return [point for scope in scopes for metric in scope.metrics if metric.name == name for point in _all(metric)]

    def values(self, name: str) -> dict[tuple[Any, ...], float]:
        """The metric's values now, or counts if it is a histogram, by the values of their attributes."""
        return {tuple(point.attributes.values()): _value(point) for point in self.points(name)}

    def units(self) -> dict[str, str]:
        """Of each metric."""
        data = self._reader.get_metrics_data()
        assert data is not None
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        return {metric.name: metric.unit or "" for metric in scope.metrics}


def parent_of(span: ReadableSpan) -> int | None:
    """The id of the span that it is in."""
    return span.parent.span_id if span.parent else None


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def _all(metric: Any) -> Sequence[Any]:
    points: Sequence[Any] = metric.data.data_points
    return points


def _value(point: NumberDataPoint | HistogramDataPoint) -> float:
    return point.count if isinstance(point, HistogramDataPoint) else point.value


class FailingEngine(MemoryPersistenceEngine):
    """The in-memory engine, which fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.write_error: BaseException | None = None
        self.read_error: Exception | None = None
        self.snapshot_error: Exception | None = None

    async def persist_all(self, events: Sequence[PersistedEvent]) -> None:
        if self.write_error is not None:
            raise self.write_error
        await super().persist_all(events)

    async def latest_snapshot(self, key: str, *, up_to: int | None = None) -> PersistedSnapshot | None:
        if self.read_error is not None:
            raise self.read_error
        return await super().latest_snapshot(key, up_to=up_to)

    async def take_snapshot(self, snapshot: PersistedSnapshot) -> None:
        if self.snapshot_error is not None:
            raise self.snapshot_error
        await super().take_snapshot(snapshot)


async def collect(state: list[Any], msg: Any, ctx: PersistentContext[Any, Any]) -> list[Any]:
    """A handler: persists what it is sent and keeps it in a list. Answers with the list."""
    if not ctx.recovering:
        await ctx.persist(msg)
    state = [*state, msg]
    dispatch(ctx.sender, state)
    return state


def echo(state: Any, msg: Any, ctx: Context[Any]) -> Any:
    dispatch(ctx.sender, msg)
    return state


async def ask(ref: ActorRef[Any], msg: Any = "hello") -> Any:
    """The actor's answer."""
    return await query(ref, msg, PATIENCE)
