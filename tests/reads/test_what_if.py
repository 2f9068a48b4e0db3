"""What if the policy were another: everybody who would gain or lose, counted, and nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purchase_core.access.policy import AccessPolicy, AccessRules
from purchase_core.instants import to_datetime
from purchase_core.reads import what_if as module
from purchase_core.reads.what_if import Moved
from tests.faults.shop import Shop, run
from tests.pages import blocks, run_block
from tests.reads.books import CUSTOMERS, sold_books

STORES = pytest.mark.parametrize("store", ["memory", "sqlite"])


@STORES
def test_everybody_who_would_lose_something_is_counted_and_some_are_shown(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LANES_AT_ONCE", 2)

    async def work() -> None:
        async with Shop(tmp_path / "purchase.db" if store == "sqlite" else None) as shop:
            await sold_books(shop)
            told: list[tuple[int, int]] = []
            strict = AccessPolicy(products={"book": AccessRules(revoke_on_partial_refund=True)})
            found = await shop.billing.customers.what_if(
                strict, samples_max=2, tell=lambda customers, changed: told.append((customers, changed))
            )
            assert (found.customers, found.changed) == (CUSTOMERS, 3)
            assert (dict(found.lost), dict(found.gained)) == ({"feature:book": 3}, {})
            assert [one.customer for one in found.samples] == ["c0", "c1"]
            assert found.samples[0].moved == (Moved("feature", "book", 1, 0),)
            assert found.before == AccessPolicy().hash != found.after
            assert told[-1] == (CUSTOMERS, 3)
            assert len(told) > 1
            assert (await shop.rights("c0")).has("book"), "nothing has changed"

    run(work)


def test_limits_and_seats_that_change_are_told_and_so_is_the_default_plan_that_comes_back() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (row,) = await shop.billing.subscriptions.list("ana")
            await shop.billing.subscriptions.pause("ana", row.key, idempotency_key="p")
            await shop.deliver()
            assert (await shop.rights()).limit("api") == 10
            found = await shop.billing.customers.what_if(AccessPolicy(paused_grants=True))
            (sample,) = found.samples
            assert sample.moved == (
                Moved("feature", "export", 0, 1),
                Moved("quota", "api", 10, 1_000),
                Moved("licence", "seats", 0, 2),
            )
            assert set(found.gained) == {"feature:export", "quota:api", "licence:seats"}

    run(work)


def test_another_instant_and_the_same_policy() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            same = await shop.billing.customers.what_if(AccessPolicy())
            assert (same.customers, same.changed, same.samples) == (1, 0, ())
            (row,) = await shop.billing.subscriptions.list("ana")
            end = to_datetime(row.period_end)
            hasty = await shop.billing.customers.what_if(AccessPolicy(renewal_slack_seconds=0), at=end)
            assert (hasty.at, hasty.changed) == (row.period_end, 1)

    run(work)


def test_the_example_of_the_page_runs() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            names: dict[str, Any] = {"billing": shop.billing, "AccessPolicy": AccessPolicy}
            await run_block(blocks("access.md", "python")[0], names)
            assert (names["found"].customers, names["found"].changed) == (1, 0)

    run(work)
