"""`purchase receipts decide`: what a person has found out about an answer that was lost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from purchase_core.cli.exit_codes import FAILED, OK, TRY_AGAIN, USAGE
from purchase_core.errors import OutcomeUnknown
from purchase_core.records.command import CONFIRMED, REFUSED, UNKNOWN
from purchase_sandbox.account.objects import Refund
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.faults.shop import Shop
from tests.operations.test_outcomes import LATER
from tests.workflows.bought import REFUNDS


@pytest.fixture
def shop(app: Any) -> Shop:
    """Ana's book, and a refund of 5.00 EUR whose answer was lost."""
    shop = Shop()

    async def scene() -> None:
        async with shop:
            await shop.sold(offer="book:full")
            (row,) = await shop.billing.purchases.list("ana")
            with shop.trouble(REFUNDS), pytest.raises(OutcomeUnknown):
                await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")

    asyncio.run(scene())
    app.module.factory = shop.unopened
    return shop


def receipt(shop: Shop) -> str:
    (found,) = [one.id for one in shop.memory.commands.values() if one.kind == "refund"]
    return found


def state(shop: Shop) -> str:
    (found,) = [one.state for one in shop.memory.commands.values() if one.kind == "refund"]
    return found


def decide(app: Any, shop: Shop, *arguments: str) -> Any:
    said = ("--reason", "in the dashboard", "--by", "mia")
    return app.run("receipts", "decide", receipt(shop), *said, *arguments)


def test_what_happened_is_recorded_with_what_the_provider_shows(app: Any, shop: Shop) -> None:
    assert "purchase receipts decide" in app.run("receipts", "show", receipt(shop)).err
    (refund,) = shop.made(Refund)
    ended = decide(app, shop, "--happened", refund.id, "--yes", "--json")
    assert ended.code == OK
    told = json.loads(ended.out)
    assert (told["receipt"], told["state"], told["shown"]) == (receipt(shop), CONFIRMED, True)
    kept = json.loads(app.run("runs", "show", told["run"], "--json").out)["run"]
    assert (kept["kind"], kept["scope"]) == ("by-hand-decide-outcome", receipt(shop))
    assert kept["note"].startswith("mia: in the dashboard")
    again = decide(app, shop, "--did-not-happen", "--yes")
    assert (again.code, state(shop)) == (FAILED, CONFIRMED)
    assert "not to be decided" in again.err


def test_who_decides_says_what_and_is_asked(app: Any, shop: Shop) -> None:
    for wrong in ((), ("--happened", "re_1", "--did-not-happen")):
        assert decide(app, shop, *wrong, "--yes").code == USAGE
    unasked = decide(app, shop, "--did-not-happen")
    assert unasked.code == USAGE
    assert "refund on sandbox happened not? Nobody can be asked here: say --yes." in unasked.err
    assert app.run("receipts", "decide", receipt(shop), "--did-not-happen", "--yes").code == USAGE
    assert state(shop) == UNKNOWN


def test_without_the_provider_it_is_for_whoever_insists(app: Any, shop: Shop) -> None:
    shop.chaos.set(Fault.UNREACHABLE, CERTAIN_PPM)
    assert decide(app, shop, "--did-not-happen", "--yes").code == TRY_AGAIN
    assert decide(app, shop, "--did-not-happen", "--insist", "--yes").code == FAILED, "it may still happen"
    shop.advance(seconds=LATER)
    ended = decide(app, shop, "--did-not-happen", "--insist", "--yes")
    assert (ended.code, state(shop)) == (OK, REFUSED)
    assert "a worker goes on looking" in ended.err
