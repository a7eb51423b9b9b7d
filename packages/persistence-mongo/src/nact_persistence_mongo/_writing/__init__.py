"""Writes: batches of events, deletions, snapshots."""
