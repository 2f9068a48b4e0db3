"""What an application may say about its Postgres database."""

from __future__ import annotations

from typing import Any

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.secret import Secret
from purchase_sql.prefix import checked_prefix, checked_schema

PREFIX_CHARACTERS_MAX = 40  # Postgres cuts names at 63, and ours take up to 23 of them


def _prefix(_: object, __: object, value: str) -> None:
    if len(checked_prefix(value)) > PREFIX_CHARACTERS_MAX:
        raise InvalidArgument(f"a table prefix on Postgres has at most {PREFIX_CHARACTERS_MAX} characters")


def _schema(_: object, __: object, value: str) -> None:
    checked_schema(value)


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise InvalidArgument(f"{attribute.name} must be above 0")


@attrs.frozen
class PostgresConfig:
    """A Postgres database and how it is used.

    `url` is a connection URI, with the password, and so a secret. `schema` is where the tables lie; without
    one, in the first schema of the search path. `prefix` begins the names of all tables.
    Up to `pool_connections_max` connections are open; a call waits `pool_wait_seconds` for a free one.
    `prepared_statements`: keep statements prepared on each connection; poolers that share connections between
    transactions must know of them (pgbouncer since 1.21), others need `false`.
    `lock_timeout_seconds` bounds the wait for another transaction, `statement_timeout_seconds` a whole call.
    """

    url: Secret
    schema: str = attrs.field(default="", validator=_schema)
    prefix: str = attrs.field(default="", validator=_prefix)
    pool_connections_max: int = attrs.field(default=8, validator=_positive)
    pool_wait_seconds: float = attrs.field(default=5.0, validator=_positive)
    prepared_statements: bool = True
    lock_timeout_seconds: float = attrs.field(default=5.0, validator=_positive)
    statement_timeout_seconds: float = attrs.field(default=30.0, validator=_positive)
