"""Real servers, poolers and broken lines for tests and benchmarks, each gone when its block ends."""

from purchase_postgres.testing.line import Line
from purchase_postgres.testing.pooler import pgbouncer, pooled
from purchase_postgres.testing.servers import Unavailable, debian, from_binaries, from_wheel, schema

__all__ = ["Line", "Unavailable", "debian", "from_binaries", "from_wheel", "pgbouncer", "pooled", "schema"]
