"""Whether a journal in Postgres stays as fast when it has grown."""
