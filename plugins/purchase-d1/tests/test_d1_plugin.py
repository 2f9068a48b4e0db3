"""The plugin: registered without an HTTP client, opened with one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from purchase_contract_tests.store.samples import ANA, NOW, step
from purchase_core.errors import InvalidArgument
from purchase_core.plugins.descriptors import StoreOpening
from purchase_core.ports.batch import Batch
from purchase_core.secret import Secret
from purchase_core.testing.clocks import ManualClock
from purchase_d1.config import D1Config
from purchase_d1.local import Address
from purchase_d1.plugin import purchase_register_stores
from purchase_d1.store import D1Store
from purchase_d1.testing import own_tables

TOKEN = Secret("t" * 32)


@pytest.mark.parametrize(
    "module", ["purchase_d1.plugin", "purchase_d1.store", "purchase_d1.binding", "purchase_d1.migrating"]
)
def test_no_http_client_and_no_driver_is_imported_and_no_thread_started(module: str) -> None:
    names = "('httpx', 'sqlalchemy', 'greenlet', 'sqlite3', 'aiosqlite', 'psycopg')"
    code = (
        f"import sys, threading, {module}\n"
        f"print([name for name in {names} if name in sys.modules])\n"
        "print(threading.active_count())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert found.stdout == "[]\n1\n"


def test_the_store_opens_with_a_prefix_and_the_clock_it_is_given(database: Address) -> None:
    (plugin,) = purchase_register_stores()
    assert (plugin.name, plugin.config) == ("d1", D1Config)

    async def run() -> None:
        async with own_tables(database) as config:
            async with await plugin.open(StoreOpening(config, Path(), ManualClock(NOW))) as store:
                assert isinstance(store, D1Store)
                await store.migrate()
                await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
                assert (await store.lane(ANA)).version == 1
                migrated = f'SELECT CAST(migrated_at AS TEXT) AS at FROM "{config.prefix}schema_version"'  # noqa: S608
                assert await store.transport.batch([(migrated, ())]) == [[[str(NOW)]]]
            other = attrs.evolve(config, prefix=f"{config.prefix}a_")
            async with await plugin.open(StoreOpening(other, Path(), ManualClock(NOW))) as store:
                assert (await store.schema()).found == 0

    asyncio.run(run())


def test_the_tables_can_be_printed_without_reaching_for_the_database() -> None:
    (plugin,) = purchase_register_stores()
    assert plugin.sql is not None
    printed = plugin.sql(D1Config("https://example.com", TOKEN, prefix="shop_"))
    assert 'CREATE TABLE IF NOT EXISTS "shop_deliveries"' in printed
    assert "BEGIN" not in printed, "D1 takes no transactions from outside"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "http://example.com",
        "ftp://example.com",
        "https://",
        "https://user:hunter2@example.com",
        "https://example.com/?token=hunter2",
        "https://example.com/#hunter2",
        "http://127.0.0.1.example.com",
    ],
)
def test_an_address_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        D1Config(url, TOKEN)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://example.com", "http://127.0.0.1:8787", "http://localhost/a/b"])
def test_https_is_asked_for_except_on_this_machine(url: str) -> None:
    assert D1Config(url, TOKEN).url == url


@pytest.mark.parametrize(
    "setting",
    [
        {"prefix": "a;"},
        {"timeout_seconds": 0.0},
        {"connections_max": 0},
        {"tries_max": 0},
        {"retry_seconds": -1.0},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_that_cannot_be_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        D1Config("https://example.com", TOKEN, **setting)  # type: ignore[arg-type]


def test_t06_the_token_does_not_show() -> None:
    assert "ttt" not in repr(D1Config("https://example.com", TOKEN))
