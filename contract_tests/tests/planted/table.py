"""Which contract tests catch which planted bugs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings

from purchase_contract_tests.contract import Contract
from purchase_contract_tests.provider import ProviderBench, ProviderContract
from purchase_contract_tests.router import RouterContract
from purchase_contract_tests.store import StoreCapability, StoreContract
from purchase_contract_tests.verify import Outcome, outcome, verify
from purchase_core.ports.router import Router
from purchase_core.ports.store import Store
from purchase_core.routing.router import PolicyRouter
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore

from .providers import planted_providers
from .routers import planted_routers
from .stores import planted_stores
from .stores.isolation import NextDatabase
from .tiny.adapter import TinyProvider
from .tiny.bench import TinyBench

TABLE = Path(__file__).parents[3] / "docs" / "contract-bugs.md"
Planted = type[MemoryStore] | type[TinyProvider] | type[PolicyRouter]
MADE_UP = "any_history_agrees_with_the_model"
OF_ADAPTERS = "\n<!-- stripe -->"  # from here on, the page is written by the tests of adapters

PAGE = """# Planted bugs

A contract test that catches nothing proves nothing. The suite's own tests run each contract against adapters
that are wrong in one way each; every contract test catches at least one of them. What Hypothesis makes up is
left out (`any_history_agrees_with_the_model`). Made by `python -m planted` in `contract_tests/tests`, and
tested to be current. Real adapters have bugs planted as well, by the tests of each: those are at the end.

## {stores_count} stores

{stores}
## {providers_count} providers

{providers}
## {routers_count} routers

{routers}"""


class MemoryContract(StoreContract):
    """The contract over some kind of memory store, in a bounded and repeatable run."""

    capabilities = frozenset(StoreCapability)
    kind: ClassVar[type[MemoryStore]]
    history_settings = settings(
        max_examples=10,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        async with self.kind(MemoryDatabase()) as store:
            yield store

    def reopen(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, MemoryStore)
        return type(store)(store.database)

    def neighbour(self, store: Store) -> AbstractAsyncContextManager[Store]:
        assert isinstance(store, MemoryStore)
        return type(store)(NextDatabase(first=store.database))

    async def age_tables(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.database.schema_version += 1


def over(kind: type[MemoryStore]) -> type[MemoryContract]:
    """The contract over one kind of memory store."""
    return type(kind.__name__, (MemoryContract,), {"kind": kind})


def store_outcomes(kind: type[MemoryStore]) -> Sequence[Outcome]:
    """How a kind of memory store fares, in all but what Hypothesis makes up."""

    async def all_of_them(contract: type[MemoryContract]) -> Sequence[Outcome]:
        promises = contract.promises()
        return [await outcome(contract(), one) for name, one in promises.items() if name != MADE_UP]

    return asyncio.run(all_of_them(over(kind)))


@cache
def caught_by_histories(kind: type[MemoryStore]) -> bool:
    """Whether what Hypothesis makes up notices a planted store; by far the slowest promise of all."""
    contract = over(kind)
    return not asyncio.run(outcome(contract(), contract.promises()[MADE_UP])).acceptable


def provider_outcomes(kind: type[TinyProvider]) -> Sequence[Outcome]:
    """How a kind of tiny provider fares."""

    class TinyContract(ProviderContract):
        provider_type = kind

        @asynccontextmanager
        async def bench(self) -> AsyncIterator[ProviderBench]:
            yield TinyBench(kind)

    return asyncio.run(verify(TinyContract))


def router_outcomes(kind: type[PolicyRouter]) -> Sequence[Outcome]:
    """How a kind of router fares."""

    class PlantedContract(RouterContract):
        def router(self) -> Router:
            return kind()

    return asyncio.run(verify(PlantedContract))


@cache
def caught_by(kind: Planted) -> frozenset[str]:
    """The promises that a planted adapter breaks; of a store, without what Hypothesis makes up."""
    if issubclass(kind, MemoryStore):
        outcomes = store_outcomes(kind)
    else:
        outcomes = router_outcomes(kind) if issubclass(kind, PolicyRouter) else provider_outcomes(kind)
    return frozenset(one.promise for one in outcomes if not one.acceptable)


def page() -> str:
    """The page of all tables, in Markdown, with what adapters have written below them."""
    of_adapters = TABLE.read_text().partition(OF_ADAPTERS)
    stores, providers, routers = planted_stores(), planted_providers(), planted_routers()
    return PAGE.format(
        stores_count=len(stores),
        stores=_table(StoreContract, stores),
        providers_count=len(providers),
        providers=_table(ProviderContract, providers),
        routers_count=len(routers),
        routers=_table(RouterContract, routers),
    ) + "".join(of_adapters[1:])


def _table(contract: type[Contract[Any]], kinds: Iterable[Planted]) -> str:
    lines = ["| the bug | what is wrong | caught by |\n|---|---|---|\n"]
    for kind in kinds:
        promises = [f"`{name}`" for name in contract.promises() if name in caught_by(kind)]
        lines.append(f"| {kind.__name__} | {kind.__doc__} | {', '.join(promises)} |\n")
    return "".join(lines)
