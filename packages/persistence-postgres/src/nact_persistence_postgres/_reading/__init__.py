"""Reads: pages of events, snapshots and keys."""
