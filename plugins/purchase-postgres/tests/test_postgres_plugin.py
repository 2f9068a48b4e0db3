"""The plugin: registered without a driver, opened with one."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

import attrs
import psycopg
import pytest

from purchase_contract_tests.store.samples import ANA, NOW, batch_of_everything, step
from purchase_core.errors import ConfigurationError, InvalidArgument
from purchase_core.plugins.descriptors import StoreOpening
from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_postgres.config import PREFIX_CHARACTERS_MAX, PostgresConfig
from purchase_postgres.plugin import purchase_register_stores
from purchase_postgres.store import PostgresStore


def test_registering_imports_no_driver_and_starts_nothing() -> None:
    code = (
        "import sys, threading, purchase_postgres.plugin as plugin\n"
        "plugin.purchase_register_stores()\n"
        "print([name for name in ('psycopg', 'psycopg_pool', 'sqlalchemy') if name in sys.modules])\n"
        "print(threading.active_count())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert found.stdout == "[]\n1\n"


def test_the_readme_names_every_setting_with_its_default() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    named = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", readme, re.MULTILINE))
    defaults = {one.name: one.default for one in attrs.fields(PostgresConfig)}
    assert named.pop("url") == "required"
    assert defaults.pop("url") is attrs.NOTHING
    assert {name: tomllib.loads(f"it = {text}")["it"] for name, text in named.items()} == defaults
    store = tomllib.loads(re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)[0])["store"]
    assert store == {"plugin": "postgres", "url": "env:DATABASE_URL"}


def test_the_store_opens_with_a_prefix_and_the_clock_it_is_given(address: str) -> None:
    (plugin,) = purchase_register_stores()
    assert (plugin.name, plugin.config) == ("postgres", PostgresConfig)

    async def run() -> None:
        config = PostgresConfig(Secret(address), prefix="a" * PREFIX_CHARACTERS_MAX)
        async with await plugin.open(StoreOpening(config, Path(), ManualClock(NOW))) as store:
            assert isinstance(store, PostgresStore)
            await store.migrate()
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            assert (await store.lane(ANA)).version == 1
        other = attrs.evolve(config, prefix="a" * (PREFIX_CHARACTERS_MAX - 1))
        async with await plugin.open(StoreOpening(other, Path(), ManualClock(NOW))) as store:
            assert (await store.schema()).found == 0

    asyncio.run(run())


def test_tables_lie_in_the_schema_that_is_set(server: str) -> None:
    name = f"test_{uuid.uuid4().hex}"

    async def run() -> None:
        config = PostgresConfig(Secret(server), schema=name, prefix="app_")
        try:
            for _ in range(2):  # made when it is missing, used when it is there
                async with await PostgresStore.open(config) as store:
                    assert (await store.migrate()).current
            async with await PostgresStore.open(config) as store:
                await store.commit(batch_of_everything())
                assert (await store.lane(ANA)).version == 1
                assert len(await store.facts(ANA)) == 1
            async with await PostgresStore.open(attrs.evolve(config, schema=f"{name}_b")) as store:
                assert (await store.schema()).found == 0
            with psycopg.connect(server) as connection:
                tables = connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = %s", (name,)
                ).fetchall()
            assert {table for (table,) in tables} == {table for one in store._steps for table in one.tables}
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")

    asyncio.run(run())


@pytest.mark.parametrize(
    "setting",
    [
        {"schema": "a;"},
        {"schema": "pg_catalog"},
        {"prefix": "a" * (PREFIX_CHARACTERS_MAX + 1)},
        {"prefix": "a;"},
        {"pool_connections_max": 0},
        {"pool_wait_seconds": 0.0},
        {"lock_timeout_seconds": 0.0},
        {"statement_timeout_seconds": -1.0},
    ],
    ids=lambda setting: f"{next(iter(setting))}",
)
def test_a_setting_that_cannot_be_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        PostgresConfig(Secret("postgresql://"), **setting)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["postgres//user:hunter2@host/db", "password=hunter2 colour=red"])
def test_an_address_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(PostgresStore.open(PostgresConfig(Secret(url))))
    assert "hunter2" not in str(refused.value)
    assert refused.value.__suppress_context__
