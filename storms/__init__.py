"""Storms: writers in several processes, faults on purpose, and a checker that compares what was acknowledged."""
