"""Store of Purchase in a SQLite file."""
