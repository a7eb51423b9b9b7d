"""Connections to servers: what a URL names, the driver's connections, round trips, and their errors."""
