"""OpenTelemetry for a system: `start(configure_persistence(engine), configure_opentelemetry())`. Needs `nact[otel]`."""

from nact.otel._plugin import configure_opentelemetry

__all__ = ["configure_opentelemetry"]
