"""What this distribution registers. Importing it imports no database driver and starts nothing."""

from __future__ import annotations

from purchase_core.plugins.descriptors import StoreOpening, StorePlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.store import Store
from purchase_postgres.config import PostgresConfig
from purchase_sql.script import script


async def open_store(opening: StoreOpening[PostgresConfig]) -> Store:
    """Connect to the database that the configuration names."""
    from purchase_postgres.store import PostgresStore  # noqa: PLC0415  # the driver is loaded when it is needed

    return await PostgresStore.open(opening.config, clock=opening.clock)


def migrations_sql(config: PostgresConfig) -> str:
    """The migrations as text."""
    return script("postgresql", config.prefix)


@hookimpl
def purchase_register_stores() -> tuple[StorePlugin[PostgresConfig], ...]:
    """The store `postgres`."""
    return (StorePlugin("postgres", PostgresConfig, open_store, sql=migrations_sql),)
