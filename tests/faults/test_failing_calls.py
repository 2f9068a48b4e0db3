"""Faults in the middle: whatever call or statement fails, it all happens once. F08, F09 (docs/faults.md)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from purchase_core.errors import PurchaseError, StoreUnavailable
from purchase_core.ports.store import Store
from purchase_core.records.delivery import DONE
from purchase_core.testing.memory_store import MemoryStore
from tests.faults.deliveries import of_webhook
from tests.faults.shop import Shop, run

READS_AND_WRITES = (
    "commit", "committed", "claim", "look", "lane", "offers", "price_for", "prices_of", "holders",
    "references_of", "delivery",
)  # fmt: skip


class Failing(MemoryStore):
    """A store of which the n-th call fails."""

    def __init__(self, inner: Store) -> None:
        assert isinstance(inner, MemoryStore)
        super().__init__(inner.database)
        self.calls = 0
        self.fails_at = 0
        self.after = False
        self.error: Exception = StoreUnavailable("injected")

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return self._counted(found) if name in READS_AND_WRITES else found

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(*rest: Any, **named: Any) -> Any:
            self.calls += 1
            failing = self.calls == self.fails_at
            if failing and not self.after:
                raise self.error
            answer = await call(*rest, **named)
            if failing:
                raise self.error
            return answer

        return counted


ERRORS: list[Exception] = [
    StoreUnavailable("lost", outcome_unknown=True),
    RuntimeError("a bug"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", ERRORS, ids=["unavailable", "bug"])
@pytest.mark.parametrize("mode", ["inline", "queue"])
def test_f08_f09_whatever_call_of_the_store_fails_it_all_happens_once(
    mode: str, error: Exception, *, after: bool
) -> None:
    async def attempt(fails_at: int) -> tuple[int, str]:
        stores: list[Failing] = []

        def meddle(store: Store) -> Store:
            stores.append(Failing(store))
            return stores[-1]

        async with Shop(inbox={"mode": mode}, meddle=meddle) as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            stores[0].calls = 0
            stores[0].fails_at, stores[0].after, stores[0].error = fails_at, after, error
            refused = []
            for one in webhooks:
                try:
                    await shop.take(one.body, one.headers)
                except (PurchaseError, RuntimeError):
                    refused.append(one)
            try:
                await shop.billing.webhooks.drain()
            except (PurchaseError, RuntimeError):
                await shop.billing.webhooks.drain()
            calls, stores[0].fails_at = stores[0].calls, 0
            await shop.checked_hash()
            await shop.deliver(refused)
            for _ in range(3):
                shop.advance(seconds=100)
                await shop.billing.webhooks.drain()
            assert {one.state for one in shop.memory.deliveries.values()} == {DONE}
            assert (await shop.rights()).has("export")
            return calls, await shop.checked_hash()

    calls, expected = run(lambda: attempt(0))
    assert calls > 8
    for fails_at in range(1, calls + 1):
        assert run(lambda at=fails_at: attempt(at))[1] == expected  # type: ignore[misc]


def test_f09_whatever_statement_of_sqlite_fails_it_is_before_or_after(tmp_path: Path) -> None:
    told = [0, 0]  # statements so far, and which of them fails

    def failing(text: str, values: Sequence[object]) -> None:
        told[0] += 1
        if told[0] == told[1]:
            raise sqlite3.OperationalError("disk I/O error")

    async def work() -> None:
        kept = tmp_path / "kept.db"
        async with Shop(kept) as shop:
            await shop.buy()
            webhooks = shop.webhooks()
            invoice = await of_webhook(webhooks, "invoice.paid")
            await shop.deliver([one for one in webhooks if one is not invoice])
            before = await shop.checked_hash()
            harness = shop.harness
            await shop.billing.store.aclose()

            async def attempt(fails_at: int) -> tuple[int, str]:
                shutil.copy(kept, tmp_path / "tried.db")
                async with Shop(tmp_path / "tried.db", harness=harness, recorder=failing) as tried:
                    told[:] = [0, fails_at]
                    with suppress(StoreUnavailable):  # then the provider tries again
                        await tried.take(invoice.body)
                    statements = told[0]
                    told[:] = [0, 0]
                    found = await tried.checked_hash()
                    rows = await tried.billing.webhooks.list()
                    known = [one.state for one in rows if one.event_type == "invoice.paid"]
                    assert (found == before) == (DONE not in known)
                    await tried.take(invoice.body)
                    shop.advance(seconds=100)
                    await tried.billing.webhooks.drain()
                    return statements, await tried.checked_hash()

            statements, expected = await attempt(0)
            assert expected != before
            assert statements >= 15
            for fails_at in range(1, statements + 1):
                assert (await attempt(fails_at))[1] == expected

    run(work)
