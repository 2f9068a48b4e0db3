"""Which contract tests catch which planted bugs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from purchase_core.ports.store import Store
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_contract_tests.verify import Outcome, verify

from .stores import planted_stores

TABLE = Path(__file__).parents[3] / "docs" / "contract-bugs.md"
MADE_UP = "any_history_agrees_with_the_model"

HEAD = """# Planted bugs

A contract test that catches nothing proves nothing. The suite's own tests run the contract of stores against
{count} stores that are wrong in one way each; every contract test catches at least one of them. Made by
`python -m planted` in `contract_tests/tests`, and tested to be current. What Hypothesis makes up is left out
(`any_history_agrees_with_the_model`).

| the bug | what is wrong | caught by |
|---|---|---|
"""


class MemoryContract(StoreContract):
    """The contract over some kind of memory store."""

    capabilities = frozenset(StoreCapability)
    kind: type[MemoryStore]

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with self.kind(MemoryDatabase()) as store:
            yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, MemoryStore)
        return type(store)(store.database)

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.database.schema_version += 1


def store_verdicts(kind: type[MemoryStore]) -> Sequence[Outcome]:
    """How a kind of memory store fares, in a bounded and repeatable run."""

    class Contract(MemoryContract):
        history_settings = settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

    Contract.kind = kind
    return asyncio.run(verify(Contract))


@cache
def caught_by(kind: type[MemoryStore]) -> frozenset[str]:
    """The promises that a kind of memory store breaks."""
    return frozenset(one.promise for one in store_verdicts(kind) if not one.acceptable)


def table() -> str:
    """The table, in Markdown."""
    lines = []
    for kind in planted_stores():
        promises = [name for name in StoreContract.promises() if name in caught_by(kind) - {MADE_UP}]
        lines.append(
            f"| {kind.__name__} | {kind.__doc__} | {', '.join(f'`{name}`' for name in promises)} |\n"
        )
    return HEAD.format(count=len(lines)) + "".join(lines)
