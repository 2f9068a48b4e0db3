"""Mending at the console: catalogs rolled back, deliveries read again, rows exchanged, outcomes asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import attrs
import pytest

from purchase_core import Catalog, Money
from purchase_core.catalog.products import Product
from purchase_core.console import Operator, Role
from purchase_core.errors import OutcomeUnknown
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.records.run import FINISHED, RUNNING, Run
from purchase_core.testing.sales import CATALOG
from purchase_sandbox.account.objects import Price, Session
from purchase_simulators.wire.chaos import CERTAIN_PPM, Fault
from tests.console.desk import HERE, Desk, desk_of, form_in, words
from tests.faults.shop import SESSIONS, Shop, run
from tests.operations.misreading import blind

MENDER = {Role.VIEW, Role.REPLAY}


def dearer(product: Product) -> Product:
    """The same product, whose pro plan costs more."""
    plans = [
        attrs.evolve(one, prices=(Money("99.00", "USD"),)) if one.id == "pro" else one
        for one in product.plans
    ]
    return attrs.evolve(product, plans=tuple(plans))


WRONG = Catalog(*map(dearer, CATALOG.products))


async def posted(desk: Desk, page: str, action: str, status: int = 303, **fields: str) -> str:
    """Send the form of a page; where it leads to, or what is answered."""
    answer = await desk.post(action, {**form_in(page, action), **fields}, status)
    return answer.headers["location"] if status == 303 else words(answer.text)


async def last(desk: Desk, kind: str) -> Run:
    """The newest run of a kind."""
    return next(one for one in await desk.runs() if one.kind == kind)


def test_a_wrong_catalog_is_rolled_back_as_it_was_seen_and_once() -> None:
    async def work() -> None:
        async with Shop() as shop, Shop(shop.database, catalog=WRONG, harness=shop.harness) as other:
            await shop.billing.rollout.apply(await shop.billing.rollout.plan())
            shop.advance(seconds=5)
            await other.billing.rollout.apply(await other.billing.rollout.plan())
            prices = shop.made(Price)
            to = CATALOG.content_hash
            async with desk_of(other.billing, {Role.VIEW}) as desk:
                assert f'href="/catalog/to/{to}"' in await desk.get("/catalog")
                assert "/catalog/apply" not in await desk.get(f"/catalog/to/{to}")
            async with desk_of(other.billing, {Role.VIEW, Role.ROLLOUT}, recent=False) as desk:
                page = await desk.get(f"/catalog/to/{to}")
                said = {"reason": "a slipped comma", "sure": "yes"}
                await posted(desk, page, "/catalog/apply", 403, **said)
            async with desk_of(other.billing, {Role.VIEW, Role.ROLLOUT}) as desk:
                page = await desk.get(f"/catalog/to/{to}")
                assert "reinstate" in words(page)
                await posted(desk, page, "/catalog/apply", 400, reason="a slipped comma", sure="no")
                await posted(desk, page, "/catalog/apply", 400, sure="yes")
                refused = await posted(desk, page, "/catalog/apply", 409, **said, seen="another plan")
                assert "something has moved since it was looked at" in refused
                assert [one.catalog for one in await other.billing.rollout.versions()][
                    -1
                ] == WRONG.content_hash
                form = {**form_in(await desk.get(f"/catalog/to/{to}"), "/catalog/apply"), **said}
                where = (await desk.post("/catalog/apply", form)).headers["location"]
                receipt = words(await desk.get(where))
                assert "Rollout: " in receipt
                assert "1 reinstate" in receipt
                assert "reinstate" in receipt.split("Stage by stage")[1]
                assert (
                    (await desk.post("/catalog/apply", form)).headers["location"].startswith("/catalog?done=")
                )
                assert "Nothing needs to be done there" in words(await desk.get(f"/catalog/to/{to}"))
                assert (await last(desk, "by-hand-rollout")).note.startswith("olga: a slipped comma (saw ")
            assert [one.catalog for one in await shop.billing.rollout.versions()][-1] == to
            assert len(shop.made(Price)) == len(prices), "the price of before is sold again"

    run(work)


def test_a_rollout_that_has_not_ended_is_seen() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing) as desk:
            plan = await shop.billing.rollout.plan()
            with shop.trouble("/v1/prices", Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.billing.rollout.apply(plan)
            page = await desk.get("/catalog")
            assert "has not ended" in page
            under_way = await shop.billing.rollout.under_way()
            assert under_way is not None
            assert 'hx-trigger="every 2s"' in await desk.get(f"/receipts/{under_way.id}")
            shop.advance(seconds=200)
            await shop.billing.rollout.apply(plan)
            assert await shop.billing.rollout.under_way() is None
            assert "has not ended" not in await desk.get("/catalog")
            assert "every 2s" not in await desk.get(f"/receipts/{under_way.id}")

    run(work)


def test_what_became_of_a_command_is_asked_for_once_nobody_else_is_at_it() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, MENDER) as desk:
            with shop.trouble(SESSIONS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.start()
            (command,) = shop.memory.commands.values()
            here = f"/receipts/{command.id}"
            page = await desk.get(here)
            assert "somebody may be at it still" in await posted(desk, page, f"{here}/ask", 409)
            shop.advance(seconds=61)
            with shop.trouble(SESSIONS, Fault.BUSY):
                where = await posted(desk, await desk.get(here), f"{here}/ask")
                assert "1 not known yet" in words(await desk.get(where))
            shop.advance(seconds=61)
            page = await desk.get(here)
            where = await posted(desk, page, f"{here}/ask")
            assert "1 known now" in words(await desk.get(where))
            assert len(shop.made(Session)) == 1, "asked, and not opened again"
            assert f"{here}/ask" not in await desk.get(here)
            fields = {"key": "run_late"}
            assert "it has ended already" in await posted(desk, page, f"{here}/ask", 409, **fields)
            token = {"token": desk.client.cookies["purchase_console"]}
            await desk.post("/receipts/receipt_none/ask", token, 404)

    run(work)


def test_what_somebody_has_found_out_is_recorded_by_whoever_may_and_shown_as_it_came_out() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, MENDER) as desk:
            with shop.trouble(SESSIONS, Fault.LOST_ANSWER), pytest.raises(OutcomeUnknown):
                await shop.start()
            (command,) = shop.memory.commands.values()
            here, (session,) = f"/receipts/{command.id}", shop.made(Session)
            assert f"{here}/decide" not in await desk.get(here), "a role that moves no money"
            desk.operator = Operator("olga", {*MENDER, Role.REFUND})
            said = partial(posted, desk, reason="in the dashboard", happened=session.id)
            page = await desk.get(here)
            await posted(desk, page, f"{here}/decide", 400, reason="in the dashboard", happened=" ")
            shop.chaos.set(Fault.UNREACHABLE, CERTAIN_PPM)
            assert "or insist" in await said(page, f"{here}/decide", 409, key="run_1")
            where = await said(page, f"{here}/decide", insists="yes", key="run_2")
            shown = words(await desk.get(where))
            assert "Decide outcome: 1 believed" in shown
            assert "A person decided this, and the provider has not shown it." in shown
            assert f"it happened, as {session.id}, says olga: in the dashboard" in shown
            shop.chaos.set(Fault.UNREACHABLE, 0)
            where = await posted(desk, await desk.get(here), f"{here}/ask")
            shown = await desk.get(where)
            assert "1 known now" in words(shown)
            assert f"{here}/decide" not in shown
            assert [one.note for one in await desk.runs() if one.kind == "by-hand-decide-outcome"] == 2 * [
                f"olga: in the dashboard (saw {command.version})"
            ]

    run(work)


def test_some_of_a_bill_goes_back_once_whoever_asks_for_it() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            action = "/customers/give-back/ana"
            async with desk_of(shop.billing, name="mia") as mia, desk_of(shop.billing, name="noah") as noah:
                page = await mia.get(HERE)
                where = await posted(mia, page, action, reason="two days down", amount="3.00")
                assert "Give back: 1 succeeded" in words(await mia.get(where))
                page = await noah.get(HERE)
                where = await posted(noah, page, action, reason="two days down", amount="3.00")
                assert "1 asked for before, by mia" in words(await noah.get(where))
                await posted(noah, await noah.get(HERE), action, 400, reason="x", amount="lots")
                await posted(noah, await noah.get(HERE), action, 400, reason="x", amount="9.01")
            await shop.deliver()
            (bill,) = await shop.billing.invoices.list("ana")
            assert bill.refunded == 300

    run(work)


def test_deliveries_are_read_again_after_it_was_seen_what_that_changes() -> None:
    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, MENDER) as desk:
            with blind("subscription"):
                await shop.sold()
            await shop.sold("cart-2", customer="ben")
            assert await shop.billing.store.rows(SubscriptionRow, lane="customer:ana") == []
            page = await desk.get("/runs")
            await posted(desk, page, "/replay", 400, since="yesterday")
            await posted(desk, page, "/replay", 400, until="2026-13-01")
            assert "0 of 0" in await posted(desk, page, "/replay", 200, until="2020-01-01T00:00")
            chosen: Mapping[str, str] = {"connection": "sandbox", "since": "2020-01-01T00:00"}
            fields = {**form_in(await desk.get("/runs"), "/replay"), **chosen}
            shown = (await desk.post("/replay", fields, 200)).text
            assert "purchase replay --connection sandbox --since 2020-01-01T00:00" in words(shown)
            assert await shop.billing.store.rows(SubscriptionRow, lane="customer:ana") == []
            await posted(desk, shown, "/replay/read", 400)
            where = await posted(desk, shown, "/replay/read", reason="the code is mended")
            told = words(await desk.get(where))
            assert "finished" in told
            assert "olga: the code is mended" in told
            assert len(await shop.billing.store.rows(SubscriptionRow, lane="customer:ana")) == 1
            done = await last(desk, "replay")
            assert (done.state, done.counts["changed"] > 0) == (FINISHED, True)
            again = await posted(desk, shown, "/replay/read", reason="the code is mended")
            assert again.startswith("/runs?done="), "sent twice, done once"

    run(work)


def test_a_replay_that_was_cut_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_console.going_on.PORTIONS_AT_ONCE", 1)
    monkeypatch.setattr("purchase_core.operations.replay_runs.PORTION", 2)

    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, MENDER) as desk:
            await shop.sold()
            shown = (await desk.post("/replay", form_in(await desk.get("/runs"), "/replay"), 200)).text
            where = await posted(desk, shown, "/replay/read", reason="a look")
            states = [(await last(desk, "replay")).state]
            while states[-1] == RUNNING:
                page = await desk.get(where)
                assert "purchase replay --resume run_" in words(page)
                assert await posted(desk, page, f"{where}/go-on") == where
                states.append((await last(desk, "replay")).state)
            assert len(states) > 2
            counts = (await last(desk, "replay")).counts
            assert sum(counts.values()) == len(shop.memory.deliveries)

    run(work)


def test_rows_are_compared_with_their_facts_and_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purchase_console.pages.rebuild.PORTIONS_AT_ONCE", 1)
    monkeypatch.setattr("purchase_core.operations.sharing.LANES_AT_ONCE", 1)

    async def work() -> None:
        async with Shop() as shop, desk_of(shop.billing, MENDER) as desk:
            await shop.sold()
            await shop.sold("cart-2", customer="ben")
            (row,) = await shop.billing.store.rows(SubscriptionRow, lane="customer:ben")
            del shop.memory.rows[SubscriptionRow, row.key]
            first = (await desk.post("/rebuild", form_in(await desk.get("/runs"), "/rebuild"), 200)).text
            assert "There are more" in words(first)
            assert "All of it is as its facts say" in words(first)
            shown = (await desk.post("/rebuild", form_in(first, "/rebuild"), 200)).text
            assert f"missing subscriptions {row.key}" in words(shown)
            assert "/customers/of/ben" in shown
            assert (SubscriptionRow, row.key) not in shop.memory.rows, "nothing was written"
            await posted(desk, shown, "/rebuild/exchange", 400)
            where = await posted(desk, shown, "/rebuild/exchange", reason="a bad deploy")
            assert "olga: a bad deploy" in words(await desk.get(where))
            assert shop.memory.rows[SubscriptionRow, row.key] == row
            counts = (await last(desk, "rebuild")).counts
            assert counts["changed"] == 1

    run(work)
