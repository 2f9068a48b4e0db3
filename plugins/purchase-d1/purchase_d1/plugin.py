"""What this distribution registers. Importing it imports no HTTP client and starts nothing."""

from __future__ import annotations

from purchase_core.plugins.descriptors import StoreOpening, StorePlugin
from purchase_core.plugins.hookspecs import hookimpl
from purchase_core.ports.store import Store
from purchase_d1.config import D1Config
from purchase_sql.script import script


async def open_store(opening: StoreOpening[D1Config]) -> Store:
    """Reach for the database that the configuration names."""
    from purchase_d1.store import D1Store  # noqa: PLC0415  # the HTTP client is loaded when it is needed

    return await D1Store.open(opening.config, clock=opening.clock)


def migrations_sql(config: D1Config) -> str:
    """The migrations as text; `purchase d1 migrations` writes them as wrangler wants them."""
    return script("sqlite", config.prefix)


@hookimpl
def purchase_register_stores() -> tuple[StorePlugin[D1Config], ...]:
    """The store `d1`."""
    return (StorePlugin("d1", D1Config, open_store, sql=migrations_sql),)
