"""`purchase subscribers`: who is stuck, and going on with it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from purchase_core.cli.exit_codes import FAILED, OK, USAGE
from purchase_core.plugins.descriptors import Subscriber
from purchase_core.records.effect import Effect
from tests.faults.shop import Shop

LANE = "customer:ana"


class Mailer:
    """Fails until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.sent: list[str] = []

    async def __call__(self, effect: Effect) -> None:
        if not self.mended:
            raise OSError("no route to host")
        self.sent.append(effect.name)


@pytest.fixture
def mailer(app: Any) -> Mailer:
    """A subscriber that is stuck at ana's subscription."""
    mailer = Mailer()
    shop = Shop(subscribers=[Subscriber("mail", mailer)])

    async def scene() -> None:
        async with shop:
            await shop.sold()
            async with shop.opening(subscribers={"attempts_max": 1}) as billing:
                await billing.subscribers.work("mail")

    asyncio.run(scene())
    app.module.factory = shop.unopened
    return mailer


def test_where_a_subscriber_is_stuck_is_seen(app: Any, mailer: Mailer) -> None:
    ended = app.run("subscribers", "list")
    assert (ended.code, ended.out.split()[-4:]) == (OK, ["mail", "yes", "0", "1"])
    shown = app.run("subscribers", "stuck", "mail").out
    for word in (LANE, "subscription.started", "OSError"):
        assert word in shown
    assert "no route" not in shown
    (one,) = json.loads(app.run("subscribers", "stuck", "mail", "--json").out)["stuck"]
    assert (one["mailbox"]["lane"], one["effect"]["name"]) == (LANE, "subscription.started")
    assert one["effect"]["at"].endswith("Z")


def test_it_is_told_again_once_it_is_mended(app: Any, mailer: Mailer) -> None:
    mailer.mended = True
    assert app.run("subscribers", "retry", "mail").code == USAGE
    assert "1 will be told again" in app.run("subscribers", "retry", "mail", "--all").err
    worked = json.loads(app.run("work", "--once", "--json").out)["worked"]
    assert (worked["subscriber mail"], mailer.sent) == (1, ["subscription.started"])
    assert app.run("subscribers", "retry", "mail", LANE).code == FAILED


def test_one_effect_is_left_out_when_somebody_says_so(app: Any, mailer: Mailer) -> None:
    refused = app.run("subscribers", "skip", "mail", LANE)
    assert (refused.code, "say --yes" in refused.err) == (USAGE, True)
    skipped = json.loads(app.run("subscribers", "skip", "mail", LANE, "--yes", "--json").out)["skipped"]
    assert skipped.endswith(":subscription.started")
    assert "It is stuck nowhere." in app.run("subscribers", "stuck", "mail").err
    assert mailer.sent == []


def test_what_is_still_there_is_not_forgotten(app: Any, mailer: Mailer) -> None:
    ended = app.run("subscribers", "forget", "mail", "--yes")
    assert (ended.code, "still there" in ended.err) == (FAILED, True)
