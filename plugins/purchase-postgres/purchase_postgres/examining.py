"""What a doctor should know of a Postgres server: settings, and a clock, that endanger what is promised."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from purchase_core.instants import SECOND, Instant
from purchase_core.records.finding import ERROR, WARNING, Finding
from purchase_postgres.config import PostgresConfig

CLOCK_SECONDS_MAX = 5
PROCESSES_MIN = 2  # that the server must have connections for

SETTINGS = """SELECT current_setting('fsync'), current_setting('full_page_writes'),
current_setting('synchronous_commit'), current_setting('autovacuum'), current_setting('track_counts'),
current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only'),
pg_is_in_recovery(), current_setting('server_encoding'), current_setting('max_connections')::bigint
- current_setting('superuser_reserved_connections')::bigint,
(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"""


@attrs.frozen
class Server:
    """What the server says of itself, column by column of SETTINGS. `connections` are those to be had."""

    fsync: str
    full_page_writes: str
    synchronous_commit: str
    autovacuum: str
    track_counts: str
    isolation: str
    read_only: str
    replica: bool
    encoding: str
    connections: int
    now: Instant


def examined(server: Server, config: PostgresConfig, before: Instant, after: Instant) -> list[Finding]:
    """Everything that is not as it should be. `before` and `after`: our time around the question."""
    return [
        *_durability(server),
        *_writing(server),
        *_connections(server, config),
        *_clock(server.now, before, after),
    ]


def _durability(server: Server) -> Iterator[Finding]:
    if server.fsync != "on":
        message = "fsync is off: when its machine stops, the server may lose or damage everything"
        yield Finding("postgres.fsync", ERROR, message, fix="ALTER SYSTEM SET fsync = on, and reload.")
    if server.full_page_writes != "on":
        message = "full_page_writes is off: a page that was half written may stay so"
        fix = "ALTER SYSTEM SET full_page_writes = on, unless the file system writes pages whole."
        yield Finding("postgres.full_page_writes", WARNING, message, fix=fix)
    if server.synchronous_commit == "off":
        message = "synchronous_commit is off: what was acknowledged may be gone after a crash of the server"
        fix = "Set it on, for the server, or for the role and database that Purchase uses."
        yield Finding("postgres.synchronous_commit", ERROR, message, fix=fix)


def _writing(server: Server) -> Iterator[Finding]:
    if server.replica or server.read_only == "on":
        what = "is a replica" if server.replica else "begins transactions that only read"
        fix = "Connect to the primary; a replica is for your own reports (docs/scale.md)."
        yield Finding("postgres.read_only", ERROR, f"the server {what}: nothing can be written", fix=fix)
    if server.isolation != "read committed":
        message = f"transactions begin as {server.isolation}, so that writers end each other for nothing"
        fix = "ALTER ROLE … SET default_transaction_isolation = 'read committed'."
        yield Finding("postgres.isolation", WARNING, message, fix=fix)
    if server.autovacuum != "on" or server.track_counts != "on":
        message = "nothing vacuums by itself: tables whose rows change, such as lanes, grow without end"
        fix = "ALTER SYSTEM SET autovacuum = on and track_counts = on, and reload."
        yield Finding("postgres.autovacuum", WARNING, message, fix=fix)
    if server.encoding != "UTF8":
        message = f"the database keeps text as {server.encoding}, which has no place for every name"
        fix = "Make a database with ENCODING 'UTF8'."
        yield Finding("postgres.encoding", ERROR, message, fix=fix)


def _connections(server: Server, config: PostgresConfig) -> Iterator[Finding]:
    wanted = config.pool_connections_max
    if server.connections < wanted * PROCESSES_MIN:
        message = (
            f"{server.connections} connections are to be had, and each process may take {wanted}: "
            f"not enough for {PROCESSES_MIN} processes"
        )
        fix = "Lower pool_connections_max, raise max_connections, or put a pooler in front."
        yield Finding("postgres.connections", WARNING, message, fix=fix)


def _clock(theirs: Instant, before: Instant, after: Instant) -> Iterator[Finding]:
    """The server wrote down its time while we waited, so that what the journey took is nobody's skew."""
    skew = max(before - theirs, theirs - after, 0)
    if skew > CLOCK_SECONDS_MAX * SECOND:
        behind = "behind" if theirs < before else "ahead of"
        message = f"the server's clock is {skew / SECOND:,.0f} s {behind} this machine's"
        fix = (
            "Let every machine follow a time server: processes hand out leases to each other by their clocks."
        )
        yield Finding("postgres.clock", WARNING, message, fix=fix)
