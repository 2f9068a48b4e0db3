"""What an application may say about its SQLite file."""

from __future__ import annotations

from typing import Any

import attrs

from purchase_core.errors import InvalidArgument
from purchase_sql.prefix import checked_prefix


def _prefix(_: object, __: object, value: str) -> None:
    checked_prefix(value)


def _path(_: object, __: object, value: str) -> None:
    if not value or value.startswith(":memory:") or "\x00" in value:
        raise InvalidArgument(
            "the SQLite store needs the path of a file",
            hint="For a store in memory, use purchase_core.testing.memory_store.MemoryStore.",
        )


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise InvalidArgument(f"{attribute.name} must be above 0")


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value < 0:
        raise InvalidArgument(f"{attribute.name} must not be below 0")


@attrs.frozen
class SqliteConfig:
    """A SQLite file and how it is used.

    `path` is relative to the folder of the configuration. `prefix` begins the names of all tables.
    `several_writers`: other processes write the same file; all of them must say so. `read_only`: never
    write, and take no lock, so that a person can look while the application runs.
    `busy_timeout_seconds` bounds the wait for another process's transaction. Up to `group_batches_max`
    waiting batches share one transaction; `queue_batches_max` is how many may wait at all.
    """

    path: str = attrs.field(validator=_path)
    prefix: str = attrs.field(default="", validator=_prefix)
    several_writers: bool = False
    read_only: bool = False
    busy_timeout_seconds: float = attrs.field(default=5.0, validator=_not_negative)
    group_batches_max: int = attrs.field(default=64, validator=_positive)
    queue_batches_max: int = attrs.field(default=10_000, validator=_positive)
