"""Reads: pages of journals, replays, snapshots, keys."""
