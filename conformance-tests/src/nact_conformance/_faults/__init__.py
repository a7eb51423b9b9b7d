"""Faults on purpose: servers and processes that die, requests that are lost."""
