"""What is done by hand: once, as it was seen, under a name, and shown as it came out."""

from __future__ import annotations

import asyncio

from purchase_core.console import Operator, Role
from purchase_core.ports.batch import Batch
from purchase_core.records.delivery import IGNORED, PENDING, QUARANTINED, Settlement
from purchase_sandbox.account.objects import Refund, Subscription
from tests.console.desk import form_in, troubled
from tests.console.scene import delivery, keep
from tests.faults.shop import run

DELIVERY = "delivery_0000000000000000000000000000008f"
PATH = f"/inbox/{DELIVERY}"


def test_a_delivery_is_tried_again_and_the_page_says_so() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            answer = await desk.post(f"{PATH}/retry", form_in(await desk.get(PATH), f"{PATH}/retry"))
            assert (await shop.billing.webhooks.show(DELIVERY)).state == PENDING
            shown = await desk.get(answer.headers["location"])
            assert "Retry: 1 settled" in shown
            kept = {one.kind: one for one in await desk.runs()}
            assert sorted(kept) == ["by-hand-retry", "retry-quarantined"]
            assert kept["by-hand-retry"].scope == DELIVERY
            assert kept["by-hand-retry"].note.startswith("olga (saw ")

    run(work)


def test_f105_an_action_on_an_old_view_is_refused_and_shows_what_is_so_now() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            old = form_in(await desk.get(PATH), f"{PATH}/discard")
            desk.operator = Operator("omar", frozenset(Role))
            await desk.post(f"{PATH}/retry", form_in(await desk.get(PATH), f"{PATH}/retry"))
            desk.operator = Operator("olga", frozenset(Role))
            refused = await desk.post(f"{PATH}/discard", {**old, "reason": "a test"}, 409)
            assert "Nothing was done" in refused.text
            assert ">pending</span>" in refused.text
            assert (await shop.billing.webhooks.show(DELIVERY)).state == PENDING
            found = await shop.billing.webhooks.show(DELIVERY)
            again = Settlement(DELIVERY, found.fence, QUARANTINED, "another error", 2, found.available_at)
            await shop.billing.store.commit(Batch("judged again", found.available_at, settlements=(again,)))
            other = {**old, "key": old["key"] + "x", "reason": "a test"}
            assert "another error" in (await desk.post(f"{PATH}/discard", other, 409)).text
            discards = [one for one in await desk.runs() if one.kind == "by-hand-discard"]
            assert [(one.note.split()[0], one.counts) for one in discards] == 2 * [
                ("olga:", {"wrong_state": 1})
            ]

    run(work)


def test_f105_a_form_that_is_sent_twice_is_done_once() -> None:
    async def work() -> None:
        async with troubled() as (_, desk):
            form = form_in(await desk.get(PATH), f"{PATH}/retry")
            both = await asyncio.gather(*(desk.post(f"{PATH}/retry", form) for _ in range(2)))
            assert both[0].headers["location"] == both[1].headers["location"]
            assert len([one for one in await desk.runs() if one.kind == "retry-quarantined"]) == 1
            another = "/inbox/delivery_00000000000000000000000000000084"
            other = form_in(await desk.get(another), f"{another}/retry")
            await desk.post(f"{another}/retry", {**other, "key": form["key"]}, 400)

    run(work)


def test_a_cause_is_given_up_as_far_as_it_was_seen() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            now = shop.billing.clock.now()
            form = form_in(await desk.get("/quarantine"), "/quarantine/discard")
            assert form["error"] == "malformed_body"
            await keep(shop, [delivery(500, now, QUARANTINED, "malformed_body: more of it")])
            await desk.post("/quarantine/discard", form, 400)
            answer = await desk.post("/quarantine/discard", {**form, "reason": "their test"})
            assert "13 settled" in await desk.get(answer.headers["location"])
            found = await shop.billing.webhooks.show(DELIVERY)
            assert (found.state, found.reason) == (IGNORED, "discarded by olga: their test")
            assert (await shop.billing.webhooks.show(f"delivery_{500:032x}")).state == QUARANTINED

    run(work)


def test_f105_two_operators_settle_a_case_and_the_money_goes_back_once() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            row = next(one for one in await shop.billing.cases.list() if one.amount)
            page = f"/cases/case?case={row.key}"
            first, second = [form_in(await desk.get(page), "/cases/settle") for _ in range(2)]
            assert first["key"] != second["key"]
            said = {"reason": "they asked", "sure": "yes"}
            await desk.post("/cases/settle", {**first, "reason": "they asked"}, 400)
            sent = [desk.send("/cases/settle", {**form, **said}) for form in (first, second)]
            answers = await asyncio.gather(*sent)
            assert {one.status_code for one in answers} <= {303, 409}
            await shop.deliver()
            assert [one.amount for one in shop.made(Refund)] == [1_000]
            assert [one.status for one in shop.made(Subscription)].count("canceled") == 1
            late = await desk.send("/cases/settle", {**first, **said, "key": second["key"] + "x"})
            assert late.status_code in (404, 409)
            assert [one.amount for one in shop.made(Refund)] == [1_000]

    run(work)


def test_a_case_is_resolved_with_a_reason_and_an_old_view_of_it_is_not() -> None:
    async def work() -> None:
        async with troubled() as (shop, desk):
            row = next(one for one in await shop.billing.cases.list() if one.amount)
            page = f"/cases/case?case={row.key}"
            form = form_in(await desk.get(page), "/cases/resolve")
            await desk.post("/cases/resolve", {**form, "reason": "  "}, 400)
            form = form_in(await desk.get(page), "/cases/resolve")
            other = form_in(await desk.get(page), "/cases/settle")
            await desk.post("/cases/resolve", {**form, "reason": "a present"})
            told = await shop.billing.cases.explain(row.key)
            assert told.resolution is not None
            assert (told.resolution.by, told.resolution.reason) == ("olga", "a present")
            await desk.post("/cases/settle", {**other, "reason": "too late", "sure": "yes"}, 409)
            assert shop.made(Refund) == []
            assert "a present" in await desk.get(page)

    run(work)
