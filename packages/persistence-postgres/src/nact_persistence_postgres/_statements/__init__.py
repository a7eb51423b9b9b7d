"""The SQL that runs on the tables, and the rows that it takes and gives."""
