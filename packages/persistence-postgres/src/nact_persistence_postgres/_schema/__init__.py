"""The tables: read from the catalogs, made, and brought up to date."""
