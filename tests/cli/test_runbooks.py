"""Every alert has a runbook, whose commands end what the alert fires at."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.cli.exit_codes import OK
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.instants import SECOND, Instant
from purchase_core.operations.alerts import ALERTS, RUNBOOKS
from purchase_core.operations.passes import EVENTS, HELD
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.ports.batch import Batch
from purchase_core.records.command import UNKNOWN
from purchase_core.records.delivery import QUARANTINED, Settlement
from purchase_core.records.effect import Effect
from tests.faults.shop import Shop
from tests.workflows.paid_twice import paid_twice

PAGE = (Path(__file__).parents[2] / RUNBOOKS).read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
HOUR = 3_600
IN_ONE_PROCESS = {"PurchaseCircuitOpen"}  # no other process knows of it; see tests/operations/test_metrics.py


class Mailer:
    """A subscriber that refuses, until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    async def __call__(self, _effect: Effect) -> None:
        if not self.mended:
            raise OSError


async def _behind(shop: Shop) -> None:
    await shop.sold()
    shop.advance(seconds=600)


async def _abandoned(shop: Shop) -> None:
    await shop.sold()
    now = shop.clock.now()
    await shop.billing.store.claim(now=now, lease_until=Instant(now + SECOND), limit=1)
    shop.advance(seconds=60)


async def _quarantined(shop: Shop) -> None:
    await shop.sold()
    now = shop.clock.now()
    (one, *_) = await shop.billing.store.claim(now=now, lease_until=now, limit=1)
    given_up = Settlement(one.id, one.fence, QUARANTINED, "internal: KeyError", 8, now)
    await shop.billing.store.commit(Batch("batch_judged", now, settlements=(given_up,)))


async def _unknown(shop: Shop) -> None:
    await shop.start()
    (key, command) = next(iter(shop.memory.commands.items()))
    shop.memory.commands[key] = attrs.evolve(command, state=UNKNOWN)
    shop.advance(seconds=2 * HOUR)


async def _stuck(shop: Shop) -> None:
    await shop.sold()
    await shop.billing.webhooks.drain()
    async with shop.opening(subscribers={"attempts_max": 1}) as billing:
        await billing.subscribers.work("mailer")


async def _untold(shop: Shop) -> None:
    await shop.sold()
    await shop.billing.webhooks.drain()
    shop.advance(seconds=1_200)


async def _paid_twice(shop: Shop) -> None:
    await paid_twice(shop)
    await shop.billing.webhooks.drain()


async def _stale(shop: Shop) -> None:
    await _reconciled(shop)
    shop.advance(seconds=4 * HOUR)


async def _missed(shop: Shop) -> None:
    await shop.buy()
    shop.advance(seconds=120)
    await _reconciled(shop)
    shop.advance(seconds=120)


async def _vanished(shop: Shop) -> None:
    """For as long as a pass takes, something is live here that the provider does not know."""
    await shop.sold()
    await shop.deliver()
    await shop.billing.webhooks.drain()
    (row,) = await shop.billing.subscriptions.list("ana")
    lost = replace(row, key=f"{row.key}x", provider_id=f"{row.provider_id}x")
    shop.memory.rows[SubscriptionRow, lost.key] = lost
    await _reconciled(shop, HELD)
    del shop.memory.rows[SubscriptionRow, lost.key]


async def _reconciled(shop: Shop, kind: str = EVENTS) -> None:
    run = await shop.billing.reconcile.start("sandbox", kind, repair=True)
    async for _ in shop.billing.reconcile.run(run):
        pass


SCENES: dict[str, Callable[[Shop], Awaitable[None]]] = {
    "PurchaseInboxBehind": _behind,
    "PurchaseWorkersDie": _abandoned,
    "PurchaseQuarantined": _quarantined,
    "PurchaseOutcomeUnknown": _unknown,
    "PurchaseSubscriberStuck": _stuck,
    "PurchaseSubscriberBehind": _untold,
    "PurchaseCaseOpen": _paid_twice,
    "PurchaseReconcileStale": _stale,
    "PurchaseWebhooksMissed": _missed,
    "PurchaseVanished": _vanished,
}


def firing(app: Any) -> set[str]:
    return {one["name"] for one in json.loads(app.run("metrics", "--json").out)["alerts"]}


def commands_of(name: str) -> list[list[str]]:
    blocks = re.findall(r"^```\n(.*?)^```", SECTIONS[name], re.MULTILINE | re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


def test_every_alert_has_a_runbook_and_a_scene() -> None:
    names = {one.name for one in ALERTS}
    assert set(SECTIONS) == names
    assert set(SCENES) == names - IN_ONE_PROCESS
    assert all(commands_of(name) for name in names)
    assert [one.runbook for one in ALERTS] == [f"{RUNBOOKS}#{one.name.lower()}" for one in ALERTS]


@pytest.mark.parametrize("name", SCENES)
def test_an_alert_fires_and_its_runbook_ends_it(app: Any, name: str) -> None:
    mailer = Mailer()

    async def story() -> None:
        shop = Shop(inbox={"mode": "queue"}, subscribers=[Subscriber("mailer", mailer)])
        async with shop:
            app.module.factory = shop.unopened
            await SCENES[name](shop)
            mailer.mended = True
            assert name in await asyncio.to_thread(firing, app)
            case = next((one.key for one in await shop.billing.cases.list()), "")
            for arguments in commands_of(name):
                said = [{"stripe-eu": "sandbox", "CASE": case}.get(one, one) for one in arguments]
                ended = await asyncio.to_thread(app.run, *said)
                assert ended.code == OK or said == ["doctor"], (said, ended.out, ended.err)
            await shop.deliver()
            await shop.billing.webhooks.drain()
            assert name not in await asyncio.to_thread(firing, app)

    asyncio.run(story())
