"""Writes, which travel together."""
