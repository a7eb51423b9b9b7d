"""Connections to MongoDB: the drivers, their errors, commands, and attempts."""
