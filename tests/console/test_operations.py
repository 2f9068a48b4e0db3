"""Receipts, routing, the catalog, runs and the doctor, as an operator reads them."""

from __future__ import annotations

import re
from html import unescape

import pytest
from msgspec.structs import replace

from purchase_core.console import Role
from purchase_core.errors import OutcomeUnknown
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.operations.passes import EVENTS, HELD, OBJECTS
from purchase_core.ports.batch import Batch
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_sandbox.account.objects import Price
from purchase_simulators.wire.chaos import Fault
from tests.console.desk import desk_of, form_in, words
from tests.faults.shop import SESSIONS, Shop, run


def test_a_checkout_is_told_stage_by_stage_with_what_followed() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            assert "No checkouts yet" in words(await desk.get("/receipts"))
            checkout = await shop.sold()
            page = await desk.get("/receipts")
            assert f'/receipts/of/{checkout.id}"' in page
            answer = await desk.client.get(f"/receipts/of/{checkout.id}")
            assert answer.headers["location"] == f"/receipts/{checkout.receipt}"
            receipt = await shop.billing.receipts.get(checkout.receipt)
            page = await desk.get(f"/receipts/{checkout.receipt}")
            for stage in receipt.stages:
                assert f"<strong>{stage.name}</strong>" in page
            for fact in receipt.facts:
                assert f'title="{fact.key.partition("@")[0]}"' in page
            assert f'/inbox/{receipt.facts[-1].cause}"' in page
            await desk.get("/receipts/receipt_none", 404)
            await desk.get("/receipts/of/intent_none", 404)

    run(work)


def test_what_nobody_knows_is_first() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            with shop.trouble(SESSIONS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.start()
            (command,) = shop.memory.commands.values()
            page = await desk.get("/receipts")
            assert f'/receipts/{command.id}"' in page
            assert "purchase work --once" in await desk.get(f"/receipts/{command.id}")

    run(work)


def test_decisions_are_listed_from_the_newest_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_console.pages.routing.ROWS", 2)

    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            receipts = []
            for number in range(3):
                receipts.append((await shop.sold(f"cart-{number}", customer=f"c{number}")).receipt)
                shop.advance(seconds=60)
            page = await desk.get("/routing")
            assert page.index(receipts[2]) < page.index(receipts[1])
            assert receipts[0] not in page
            (older,) = re.findall(r'href="(/routing[?]at=[^"]+)"', page)
            page = await desk.get(unescape(older))
            assert [one in page for one in receipts] == [True, False, False]
            await desk.get("/routing?at=yesterday&key=x", 400)
            await desk.get(f"/routing?at={'9' * 40}&key=x", 400)

    run(work)


def test_a_decision_is_shown_and_run_again() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            checkout = await shop.sold()
            assert f'/routing/{checkout.receipt}"' in await desk.get("/routing")
            page = await desk.get(f"/routing/{checkout.receipt}")
            assert "the same, byte for byte" in page
            assert "style=" not in page, "the policy of the page forbids it"
            style = await desk.client.get("/routing/decision.css")
            assert style.headers["content-type"].startswith("text/css")
            desk.operator = None
            await desk.get(f"/routing/{checkout.receipt}", 401)

    run(work)


def test_the_catalog_is_compared_with_a_provider_and_nothing_is_made() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            page = words(await desk.get("/catalog"))
            assert "app:pro" in page
            assert "nowhere yet" in page
            drift = words(await desk.get("/catalog/sandbox"))
            assert "create" in drift
            assert "purchase catalog plan --connection sandbox" in drift
            assert shop.memory.prices == {}
            assert shop.made(Price) == []
            await shop.billing.rollout.apply(await shop.billing.rollout.plan())
            assert "sandbox" in words(await desk.get("/catalog")).split("in force")[0]
            assert "Nothing needs to be done there" in words(await desk.get("/catalog/sandbox"))
            await desk.get("/catalog/elsewhere", 404)

    run(work)


def test_a_provider_is_compared_first_and_then_recorded() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.buy()
            shop.advance(seconds=120)
            async with desk_of(shop.billing, {Role.VIEW}) as desk:
                assert 'method="post"' not in await desk.get("/runs")
                token = {"token": desk.client.cookies["purchase_console"]}
                await desk.post("/runs/reconcile", {**token, "connection": "sandbox", "kind": EVENTS}, 403)
            async with desk_of(shop.billing, {Role.VIEW, Role.REPLAY}) as desk:
                page = await desk.get("/runs")
                rows = dict(shop.memory.rows)
                for kind, told in ((EVENTS, "missed"), (OBJECTS, "missing")):
                    fields = {**form_in(page, "/runs/reconcile"), "kind": kind}
                    answer = await desk.post("/runs/reconcile", fields, 200)
                    assert f"{told} 0" not in words(answer.text)
                    assert told in words(answer.text)
                assert (shop.memory.rows, shop.memory.runs) == (rows, {})
                answer = await desk.post("/runs/repair", form_in(answer.text, "/runs/repair"))
                assert "olga: console" in words(await desk.get(answer.headers["location"]))
                assert shop.memory.rows != rows, "now it is recorded"
                assert "reconcile-objects" in words(await desk.get("/runs"))
                fields = {**form_in(page, "/runs/reconcile"), "kind": "rebuild"}
                await desk.post("/runs/reconcile", fields, 400)
                await desk.get("/runs/run_none", 404)

    run(work)


def test_what_vanished_is_seen_on_the_overview_until_a_pass_finds_it_no_more() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (row,) = await shop.billing.store.rows(SubscriptionRow)
            lost = replace(row, key=f"{row.key}x", provider_id=f"{row.provider_id}x")
            shop.memory.rows[SubscriptionRow, lost.key] = lost
            async with desk_of(shop.billing, {Role.VIEW, Role.REPLAY}) as desk:
                assert "Compare live subscriptions with the provider" in words(await desk.get("/runs"))
                fields = {**form_in(await desk.get("/runs"), "/runs/reconcile"), "kind": HELD}
                answer = await desk.post("/runs/reconcile", fields, 200)
                assert "same 1, vanished 1" in words(answer.text)
                assert lost.key in answer.text
                assert shop.memory.runs == {}
                form = form_in(answer.text, "/runs/repair")
                noted = await desk.post("/runs/repair", form)
                assert "vanished" in words(await desk.get(noted.headers["location"]))
                overview = await desk.get("/")
                assert "purchase reconcile sandbox" in words(overview)
                assert f"/runs?kind={HELD}" in overview
                assert shop.memory.rows.pop((SubscriptionRow, lost.key)) == lost
                shop.advance(seconds=60)
                answer = await desk.post("/runs/reconcile", fields, 200)
                await desk.post("/runs/repair", form_in(answer.text, "/runs/repair"))
                assert "purchase reconcile sandbox" not in words(await desk.get("/"))

    run(work)


def test_the_page_of_a_run_follows_it_to_its_end() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            now = shop.clock.now()
            going = Run(
                "run_1", EVENTS, "sandbox", RUNNING, "", now, now, counts={"same": 1_234, "missed": 2}
            )
            for state, polls in ((RUNNING, True), (FINISHED, False)):
                told = replace(going, state=state)
                await shop.billing.store.commit(Batch(f"batch_{state}", now, runs=(told,)))
                page = await desk.get("/runs/run_1")
                assert ('hx-trigger="every 2s"' in page) == polls
                assert "1,236 looked at" in words(page)
                assert ('action="/runs/run_1/go-on"' in page) == polls

    run(work)


def test_a_replay_of_a_type_is_shown_first() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, {Role.VIEW, Role.REPLAY}) as desk:
            await shop.sold()
            fields = form_in(await desk.get("/runs"), "/replay")
            chosen = {**fields, "connection": "sandbox", "type": "invoice.paid"}
            answer = words((await desk.post("/replay", chosen, 200)).text)
            assert "0 of 1 deliveries would change something" in answer
            assert "purchase replay --connection sandbox --type invoice.paid" in answer

    run(work)


def test_the_doctor_says_what_is_wrong_and_how_it_is_mended() -> None:
    async def work() -> None:
        async with Shop(inbox={"mode": "queue"}) as shop, desk_of(shop.billing) as desk:
            assert "Nothing is wrong" in words(await desk.get("/doctor"))
            await shop.sold()
            shop.advance(seconds=7_200)
            page = words(await desk.get("/doctor"))
            assert "inbox.overdue" in page
            assert "PurchaseInboxBehind" in page
            assert "purchase work" in page
            await shop.billing.webhooks.drain()
            truth = words(await desk.get("/doctor?look=truth"))
            assert "Nothing is wrong" in truth
            key = next(key for key in shop.memory.rows if key[0].TABLE == "subscriptions")
            del shop.memory.rows[key]
            assert "purchase rebuild" in words(await desk.get("/doctor?look=truth"))
            for look in ("providers", "database"):
                assert "Nothing is wrong" in words(await desk.get(f"/doctor?look={look}"))

    run(work)
