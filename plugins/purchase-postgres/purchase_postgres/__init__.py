"""Store of Purchase in a Postgres database."""
