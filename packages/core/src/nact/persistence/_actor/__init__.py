"""A persistent actor from the inside: its journal, its recovery, its snapshots."""
