"""Real servers, poolers and broken lines for tests and benchmarks, each gone when its block ends."""

from purchase_postgres.testing.line import Line
from purchase_postgres.testing.pooler import pgbouncer, pooled
from purchase_postgres.testing.servers import (
    Server,
    Unavailable,
    debian,
    from_binaries,
    from_wheel,
    restartable,
    schema,
    wheel,
)

__all__ = [
    "Line",
    "Server",
    "Unavailable",
    "debian",
    "from_binaries",
    "from_wheel",
    "pgbouncer",
    "pooled",
    "restartable",
    "schema",
    "wheel",
]
