"""What a person who helps a customer can read: what happened, what is missing, and why."""

from __future__ import annotations

from itertools import count

import pytest
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument
from purchase_core.facts.bodies import InvoiceSeen
from purchase_core.facts.fact import seen
from purchase_core.identifiers import SeededIds
from purchase_core.instants import to_datetime
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.reads.activity import Happening
from tests.faults.shop import Shop, run

_seeds = count(1_000)


def test_a_timeline_tells_a_sale_in_words_and_whence_it_is_known() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            told = await shop.billing.activity.list("ana")
            assert [one.text for one in told] == [
                "set out to buy 1 x app:pro at 10.00 EUR",
                "checkout on sandbox: current",
                "checkout page is open, unpaid",
                "first bill is paid: 10.00 EUR paid of 10.00 EUR",
                "subscription is active: 1 x 10.00 EUR",
                "checkout page is complete, paid",
            ]
            deliveries = [one.cause for one in told if one.cause.startswith("delivery_")]
            shown = await shop.billing.webhooks.show(deliveries[0])
            assert shown.event_type == "invoice.paid"
            assert (await shop.billing.receipts.get(told[0].cause)).kind == "checkout.start"
            assert len({one.position for one in told}) == len(told)
            page = await shop.billing.activity.list("ana", after=told[1].position, limit=2)
            assert list(page) == list(told[2:4])
            assert await shop.billing.activity.list("ben") == []
            with pytest.raises(InvalidArgument):
                await shop.billing.activity.list("")
            for wrong in ("7", "!", "bm9uZQ", told[0].position[:-3]):
                with pytest.raises(InvalidArgument, match="no position"):
                    await shop.billing.activity.list("ana", after=wrong)

    run(work)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_several_lanes_are_one_timeline(limit: int) -> None:
    """What a guest bought is theirs since they claimed it, in the order in which it was recorded."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            await shop.sold("cart-2", customer="ben", offer="book:full")
            await shop.billing.customers.merge("ben", into="ana", reason="", by="mia")
            whole = await shop.billing.activity.list("ana")
            assert [one.recorded_at for one in whole] == sorted(one.recorded_at for one in whole)
            assert len(whole) == len(shop.memory.facts)
            read: list[Happening] = []
            after = ""
            while page := await shop.billing.activity.list("ana", after=after, limit=limit):
                read += page
                after = page[-1].position
            assert [one.text for one in read] == [one.text for one in whole]

    run(work)


def test_what_was_spent_is_told_between_what_was_bought_and_much_of_it_as_one() -> None:
    """Reservations with their ends, what was taken by hand with its reason; not what a payment has moved."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            before = len(await shop.billing.activity.list("ana"))
            credits_, usage = shop.billing.credits, shop.billing.usage
            for number in range(30):
                await credits_.consume("ana", "ai", 2, idempotency_key=f"c{number}")
            for number in range(2):
                held = await credits_.reserve("ana", "ai", 5, idempotency_key=f"r{number}")
                await credits_.settle("ana", held.movement, 3, idempotency_key=f"s{number}")
            lost = await credits_.reserve("ana", "ai", 4, idempotency_key="lost", timeout_seconds=60)
            shop.advance(seconds=61)
            await usage.try_use("api", 3, customer="ana", idempotency_key="u")
            await credits_.adjust("ana", "ai", -7, reason="ticket 7", idempotency_key="a")
            await credits_.adjust("ana", "ai", 9, reason="ticket 8", idempotency_key="b")
            await credits_.consume("ana", "ai", 1, idempotency_key="last")
            whole = (await shop.billing.activity.list("ana"))[before:]
            assert [one.text for one in whole] == [
                "spent 60 ai, 30 times",
                "reserved 14 ai, 3 times; settled 6 of 10 ai that were reserved, 2 times",
                "used 3 of api",
                "did not settle in time 4 ai that were reserved",
                "7 ai were taken: ticket 7",
                "was given 9 ai: ticket 8",
                "spent 1 ai",
            ]
            assert (whole[1].about, whole[1].cause) == ("ai", lost.movement)
            read: list[Happening] = []
            after = ""
            while page := await shop.billing.activity.list("ana", after=after, limit=1):
                read += page
                after = page[-1].position
            assert len(read) == before + 30 + 5 + 5
            assert sum(one.text.startswith("spent") for one in read) == 31
            behind = await shop.billing.activity.list("ana", after=whole[1].position)
            assert list(behind) == list(whole[2:])

    run(work)


def test_a_refund_and_a_currency_that_nobody_knows_are_told() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            (row,) = await shop.billing.purchases.list("ana")
            await shop.billing.purchases.refund("ana", row.key, amount=500, idempotency_key="r")
            texts = [one.text for one in await shop.billing.activity.list("ana")]
            assert texts[-2:] == ["refund of 5.00 EUR asked", "refund of 5.00 EUR is succeeded"]
            (bill,) = await shop.billing.invoices.list("ana")
            odd = InvoiceSeen("in_odd", "open", "manual", bill.provider_customer, "XXQ", 5, 0, ())
            await record(shop, odd)
            assert (await shop.billing.activity.list("ana"))[
                -1
            ].text == "manual bill is open: 0 XXQ paid of 5 XXQ"

    run(work)


async def record(shop: Shop, body: InvoiceSeen) -> None:
    """Have a bill seen that the sandbox would not send."""
    recorder = Recorder(
        shop.billing.store,
        OfferShelf(shop.billing.store, ()),
        shop.clock,
        SeededIds(next(_seeds)),
        shop.billing._on_commit,
    )
    work = Work((seen("sandbox", shop.clock.now(), body),))
    await recorder.record(work, cause="test", addition=lambda batch: batch)


def test_what_only_the_customer_can_do_is_said_until_it_is_done() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await shop.sold()
            (subscription,) = await shop.billing.subscriptions.list("ana")
            assert (await shop.billing.customers.snapshot("ana")).action_required == ()
            since = shop.clock.now()
            bill = InvoiceSeen(
                "in_9", "open", "renewal", subscription.provider_customer, "EUR", 1_000, 100, (),
                subscription=subscription.provider_id, due_at=since, action="authenticate",
            )  # fmt: skip
            await record(shop, bill)
            (action,) = (await shop.billing.customers.snapshot("ana")).action_required
            assert (action.kind, action.invoice, action.subscription) == (
                "authenticate",
                "invoice:sandbox:in_9",
                subscription.key,
            )
            assert (action.amount, action.currency, action.since) == (900, "EUR", since)
            assert [row.key for row in await shop.billing.invoices.open("ana")] == ["invoice:sandbox:in_9"]
            shop.advance(seconds=60)
            await record(shop, replace(bill, status="paid", paid=1_000, action=""))
            assert (await shop.billing.customers.snapshot("ana")).action_required == ()

    run(work)


def test_a_feature_is_explained_now_and_then() -> None:
    async def work() -> None:
        async with Shop() as shop:
            before = to_datetime(shop.clock.now())
            shop.advance(seconds=60)
            await shop.sold()
            customers = shop.billing.customers
            now = await customers.explain("ana", "export")
            assert (now.granted, [one.offer for one in now.reasons]) == (True, ["app:pro"])
            facts = await shop.billing.store.facts_about(now.reasons[0].root)
            assert {one.fact.kind for one in facts} >= {"intent", "invoice", "subscription"}
            then = await customers.explain("ana", "export", at=before)
            assert (then.granted, then.reasons, then.sold_in) == (False, (), ("app:pro",))
            nobody = await customers.explain("ben", "api")
            assert [one.why for one in nobody.reasons] == ["default plan: everybody has it"]

    run(work)
