"""Persistent actors whose spans and metrics OpenTelemetry prints."""
