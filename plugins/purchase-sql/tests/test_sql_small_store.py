"""The worked example of docs/writing-a-store.md keeps the whole contract, in as few lines as it says."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import settings

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_core.ports.store import Store

if TYPE_CHECKING:
    from .small_store import SmallStore
else:
    spec = spec_from_file_location("small_store", Path(__file__).with_name("small_store.py"))
    module = module_from_spec(spec)
    sys.modules["small_store"] = module
    spec.loader.exec_module(module)
    SmallStore = module.SmallStore

LINES_MAX = 200
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "writing-a-store.md").read_text("utf-8")


class TestSmallStore(StoreContract):
    """A file of its own for every promise."""

    shown = False
    capabilities = frozenset(StoreCapability)
    history_settings = settings(StoreContract.history_settings, max_examples=10)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        with TemporaryDirectory() as folder:
            async with SmallStore(Path(folder) / "purchase.db") as store:
                yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, SmallStore)
        return SmallStore(store.path)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, SmallStore)
        return SmallStore(store.path, prefix="other_")

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, SmallStore)
        with closing(sqlite3.connect(store.path)) as other:
            other.execute("INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)")
            other.commit()


def test_the_example_is_small() -> None:
    lines = len((Path(__file__).with_name("small_store.py")).read_text().splitlines())
    assert lines < LINES_MAX
    assert f"under {LINES_MAX} lines" in PAGE


def test_what_the_page_names_is_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
    sources = [*(ROOT / "plugins" / "purchase-sql").rglob("*.py"), ROOT / "purchase_core" / "errors.py"]
    source = "\n".join(path.read_text() for path in sources)
    for name in re.findall(r"`(\w+)\(", PAGE):
        assert re.search(rf"def {name}\b|class {name}\b", source), name
