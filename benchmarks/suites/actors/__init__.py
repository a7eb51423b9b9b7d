"""Messages between actors, in memory."""
