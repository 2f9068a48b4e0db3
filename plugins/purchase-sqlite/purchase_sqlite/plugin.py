"""What this distribution registers. Importing it imports no database driver and starts nothing."""

from __future__ import annotations

from purchase_core.plugins.descriptors import StoreOpening, StorePlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.store import Store
from purchase_sql.script import script
from purchase_sqlite.config import SqliteConfig


async def open_store(opening: StoreOpening[SqliteConfig]) -> Store:
    """Open the file that the configuration names."""
    from purchase_sqlite.store import SqliteStore  # noqa: PLC0415  # the driver is loaded when it is needed

    return await SqliteStore.open(opening.config, folder=opening.folder, clock=opening.clock)


def migrations_sql(config: SqliteConfig) -> str:
    """The migrations as text."""
    return script("sqlite", config.prefix)


@hookimpl
def purchase_register_stores() -> tuple[StorePlugin[SqliteConfig], ...]:
    """The store `sqlite`."""
    return (StorePlugin("sqlite", SqliteConfig, open_store, sql=migrations_sql),)
