"""The inside of a persistent actor: its journal, its recovery, its snapshots."""
