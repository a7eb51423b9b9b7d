"""nact's SQLite engine, beside what the drivers do with the same file, table and rows."""
