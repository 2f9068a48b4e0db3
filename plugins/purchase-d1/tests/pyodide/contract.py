"""The contract of stores over the bindings `DB` and `DIRECT`. Prints a JSON list for each promise."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import Any, ClassVar

from msgspec.structs import replace

from purchase_contract_tests.contract import Promise
from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_contract_tests.store.samples import ANA, batch_of_everything
from purchase_contract_tests.verify import Outcome, Verdict, outcome
from purchase_core.errors import LaneConflict
from purchase_core.ports.store import Store
from purchase_d1.binding import BindingTransport
from purchase_d1.store import D1Store
from purchase_sql.migration import migrations

DB: Any = globals()["DB"]
DIRECT: Any = globals()["DIRECT"]
TABLES = [name for step in migrations("sqlite", "") for name in step.tables if name != "schema_version"]
EMPTY = [f"DELETE FROM {name}" for name in TABLES] + ["DELETE FROM schema_version WHERE version = 999"]  # noqa: S608
numbers = count()
UNWANTED = ("sqlalchemy", "greenlet", "httpx", "aiosqlite", "psycopg")


class TestBoundD1Store(StoreContract):
    """Tables are made by the first promise, and emptied after each."""

    capabilities = frozenset(StoreCapability)
    prefixes: ClassVar[list[str]] = []  # of the stores that are open: one within another has others

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        prefix = f"within{next(numbers)}_" if self.prefixes else ""
        self.prefixes.append(prefix)
        try:
            async with D1Store(BindingTransport(DB), prefix=prefix) as store:
                yield store
        finally:
            self.prefixes.remove(prefix)
        if not prefix:
            await BindingTransport(DB).batch([(text, ()) for text in EMPTY])

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        return D1Store(BindingTransport(DB), prefix=self.prefixes[-1])

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        return D1Store(BindingTransport(DB), prefix=f"other{next(numbers)}_")

    async def age_tables(self, store: Store) -> None:
        newer = "INSERT INTO schema_version (version, migrated_at) VALUES (999, 0)"
        await BindingTransport(DB).batch([(newer, ())])


async def kept(one: Promise[Any]) -> Outcome:
    """How a promise fares. One that drives itself needs an event loop of its own: here is only one."""
    if one.drives_itself:
        return Outcome(one.name, one.group, Verdict.NOT_DECLARED)
    return await outcome(TestBoundD1Store(), one)


async def direct() -> list[object]:
    """What a store says over the object that miniflare hands out, in a few calls."""
    async with D1Store(BindingTransport(DIRECT), prefix="direct_") as store:
        await store.migrate()
        for _ in range(2):
            await store.commit(batch_of_everything())
        try:
            await store.commit(replace(batch_of_everything(), id="batch_2"))
        except LaneConflict as conflict:
            return [(await store.lane(ANA)).version, conflict.message, await store.committed("batch_2")]
    return []


async def main() -> None:
    """Try every promise, and say what was imported on the way."""
    say("direct", await direct())
    for one in TestBoundD1Store.promises().values():
        found = await kept(one)
        say(found.promise, found.verdict, found.why)
    say("imported", [name for name in UNWANTED if name in sys.modules], threading.active_count())


def say(*words: object) -> None:
    """A line."""
    sys.stdout.write(json.dumps(words) + "\n")
