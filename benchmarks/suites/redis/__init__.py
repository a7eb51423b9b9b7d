"""Events to and from one Redis server."""
