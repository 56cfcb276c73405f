"""Features in PostgreSQL: loading a table, reading a snapshot, fetching rows, guarding against leakage."""
