"""Shared by all actors of a system: the run queue, timers, resources, and the interface for observers."""
