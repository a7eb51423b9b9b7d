"""What stands in the project's pages between fences, and how each kind of it is tried."""
