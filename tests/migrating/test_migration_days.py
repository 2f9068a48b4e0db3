"""Customers go from Stripe to Paddle: no day with two bills, and none without rights."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from purchase_core.workflows.prospects import Prospect
from tests.migrating.two_sides import SETTINGS, TwoSides, sqlite_in

DAYS = 100


async def begin(sides: TwoSides) -> list[Prospect]:
    begun = [one async for one in sides.billing.migrations.start(SETTINGS)]
    async for _ in sides.billing.migrations.advance_all("stripe", "paddle"):
        pass
    await sides.deliver()
    return begun


def test_money_and_rights_on_every_day(tmp_path: Path) -> None:
    async def scene() -> None:
        async with TwoSides(sqlite_in(tmp_path)) as sides:
            for customer in ("accepts", "silent", "late"):
                await sides.subscribe(customer)
            await sides.pass_days(5)
            begun = await begin(sides)
            assert sorted(one.customer for one in begun) == ["accepts", "late", "silent"]
            late = await sides.billing.migrations.page("late")
            for day in range(6, DAYS):
                if day == 9:
                    page = await sides.billing.migrations.page("accepts")
                    assert page is not None
                    sides.accept(page.session, "accepts")
                if day == 29:
                    assert late is not None
                    sides.accept(late.session, "late")
                await sides.pass_days()
                for customer in ("accepts", "silent", "late"):
                    rights = await sides.billing.customers.entitlements(customer)
                    assert rights.has("export"), (day, customer)
                    assert rights.limit("api") == 1_000, (day, customer)
                    assert rights.licences["seats"] == 2, (day, customer)
            for customer in ("accepts", "silent", "late"):
                days = [day for day, _, _ in await sides.bills(customer)]
                assert len(days) == 4, (customer, days)
                assert all(28 <= later - day <= 32 for day, later in pairwise(days)), days
            assert [name for _, name, _ in await sides.bills("accepts")] == [
                "stripe",
                "paddle",
                "paddle",
                "paddle",
            ]
            assert {name for _, name, _ in await sides.bills("silent")} == {"stripe"}
            assert {name for _, name, _ in await sides.bills("late")} == {"stripe"}
            status = await sides.billing.migrations.status("stripe", "paddle")
            assert status.phases == {"guarded": 1, "watched": 1, "undone": 1}

    asyncio.run(scene())
