"""The plugin: registered without a driver, opened with one."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import attrs

from purchase_contract_tests.store.samples import ANA, NOW, step
from purchase_core.plugins.descriptors import StoreOpening
from purchase_core.ports.batch import Batch
from purchase_core.testing.clocks import ManualClock
from purchase_sqlite.config import SqliteConfig
from purchase_sqlite.plugin import purchase_register_stores
from purchase_sqlite.store import SqliteStore


def test_registering_imports_no_driver_and_starts_nothing() -> None:
    code = (
        "import sys, threading, purchase_sqlite.plugin as plugin\n"
        "plugin.purchase_register_stores()\n"
        "print([name for name in ('sqlite3', 'aiosqlite', 'sqlalchemy') if name in sys.modules])\n"
        "print(threading.active_count())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    assert found.stdout == "[]\n1\n"


def test_the_readme_names_every_setting_with_its_default() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    named = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", readme, re.MULTILINE))
    defaults = {one.name: one.default for one in attrs.fields(SqliteConfig)}
    assert named.pop("path") == "required"
    assert defaults.pop("path") is attrs.NOTHING
    assert {name: tomllib.loads(f"it = {text}")["it"] for name, text in named.items()} == defaults
    store = tomllib.loads(re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)[0])["store"]
    assert store.pop("plugin") == "sqlite"
    assert SqliteConfig(**store).path == "purchase.db"


def test_the_store_opens_relative_to_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (plugin,) = purchase_register_stores()
    assert (plugin.name, plugin.config) == ("sqlite", SqliteConfig)

    async def run() -> None:
        opening = StoreOpening(SqliteConfig("data.db"), tmp_path, ManualClock(NOW))
        async with await plugin.open(opening) as store:
            assert isinstance(store, SqliteStore)
            await store.migrate()
            await store.commit(Batch("batch_1", NOW, lanes=(step(),)))
            look = attrs.evolve(opening, config=attrs.evolve(opening.config, read_only=True))
            async with await plugin.open(look) as reader:
                assert (await reader.lane(ANA)).version == 1
        assert (tmp_path / "data.db").exists()

    asyncio.run(run())
