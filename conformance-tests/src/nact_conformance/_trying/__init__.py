"""Tries one law on one engine."""
