"""Real servers for the tests, in containers."""
