"""Reads, and the replay of a journal in pages."""
