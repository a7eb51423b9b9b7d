"""OpenTelemetry's console exporters, with a line for each span and each figure instead of a page of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


def print_everything() -> tuple[TracerProvider, MeterProvider]:
    """Makes these the providers of the whole program. Shut them down in the end: metrics are printed once more then."""
    spans = TracerProvider()
    spans.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=_span_line)))
    figures = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter(formatter=_metric_lines))])
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(figures)
    return spans, figures


def _span_line(span: ReadableSpan) -> str:
    context = span.get_span_context()
    ids = f"{context.trace_id:032x}"[:8] + f" {context.span_id:016x}"[:9] if context else ""
    parent = f"{span.parent.span_id:016x}"[:8] if span.parent else "-" * 8
    took = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    return f"span  {ids} in {parent}  {span.name:<13} {took:7.2f} ms  {json.dumps(dict(span.attributes or {}))}\n"


def _metric_lines(data: MetricsData) -> str:
    found = (
        metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    )
    return "".join(line for metric in found for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    for point in metric.data.data_points:
        yield f"metric  {metric.name:<29} {_figure(point, metric.unit)}  {json.dumps(dict(point.attributes or {}))}\n"


def _figure(point: object, unit: str | None) -> str:
    match point:
        case HistogramDataPoint(count=count, sum=total) if count:
            return f"{count} x {total / count:.4g} {unit}"
        case NumberDataPoint(value=value):
            return f"{value} {unit}"
        case _:
            return "nothing"
