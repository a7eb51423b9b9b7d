"""Events to and from one Postgres server."""
