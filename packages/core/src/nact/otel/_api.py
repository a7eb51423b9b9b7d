"""Imports everything that nact uses of OpenTelemetry, or raises an error that says how to install it."""

try:
    from opentelemetry.context import Context, attach, detach
    from opentelemetry.metrics import (
        CallbackOptions,
        Histogram,
        Meter,
        MeterProvider,
        Observation,
        get_meter,
        get_meter_provider,
    )
    from opentelemetry.trace import (
        INVALID_SPAN,
        NonRecordingSpan,
        Span,
        StatusCode,
        Tracer,
        TracerProvider,
        get_tracer,
        set_span_in_context,
    )
except ImportError as error:
    raise ImportError("nact.otel needs OpenTelemetry's API: pip install 'nact[otel]'", name=error.name) from error

__all__ = [
    "INVALID_SPAN",
    "CallbackOptions",
    "Context",
    "Histogram",
    "Meter",
    "MeterProvider",
    "NonRecordingSpan",
    "Observation",
    "Span",
    "StatusCode",
    "Tracer",
    "TracerProvider",
    "attach",
    "detach",
    "get_meter",
    "get_meter_provider",
    "get_tracer",
    "set_span_in_context",
]
