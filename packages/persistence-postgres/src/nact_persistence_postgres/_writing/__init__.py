"""Writes: group commit, events, snapshots, deletion, tombstones."""
