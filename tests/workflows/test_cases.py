"""Cases: money that came too often goes back, each step a command; what is right as it is stays resolved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from purchase_core.errors import InvalidArgument, NotFound, WrongState
from purchase_core.facts.rows import CaseRow, Row, SubscriptionRow
from purchase_core.ports.provider import CheckoutRequest, OurReference
from purchase_core.records.command import CONFIRMED, UNKNOWN
from purchase_core.testing.bench import problems
from purchase_core.testing.memory_store import MemoryDatabase, MemoryStore
from purchase_core.workflows.remedies import CANCEL, REFUND
from purchase_sandbox.account import refunds
from purchase_sandbox.account.objects import Invoice, Refund, Session, Subscription
from purchase_simulators.wire.chaos import Fault
from tests.faults.shop import CANCEL as BACK
from tests.faults.shop import SUCCESS, Shop, run
from tests.pages import blocks, run_block
from tests.workflows.paid_twice import paid_twice, the_case

MONTH_DAYS = 31


def live(shop: Shop) -> list[str]:
    return [one.id for one in shop.made(Subscription) if one.status != "canceled"]


def test_f44_an_excess_proposes_to_end_what_bills_again_and_to_give_the_money_back() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop)
            rows = await shop.billing.cases.list()
            assert [(row.kind, row.status, row.amount) for row in rows] == [
                ("excess", "open", 1_000),
                ("excess", "open", 0),
            ]
            told = await shop.billing.cases.explain(rows[0].key)
            assert [(one.kind, one.amount) for one in told.steps] == [(CANCEL, 0), (REFUND, 1_000)]
            assert told.advice.startswith("Paid more often than ordered.")
            unbound = [row for row in await shop.billing.subscriptions.list("ana") if not row.bound]
            assert [one.about for one in told.steps] == [unbound[0].key, rows[0].about]
            both = await shop.billing.cases.explain(rows[1].key)
            assert both.steps == told.steps, "the subscription's case proposes the same"

    run(work)


def test_what_is_paid_for_an_order_that_was_lost_is_seen_and_goes_back() -> None:
    """As after a restore: the customer is known here, and the order is not."""

    async def work() -> None:
        async with Shop() as shop:
            await shop.sold(offer="book:full")
            await shop.start(offer="app:pro", key="lost")
            page = shop.made(Session)[-1]
            reference = OurReference(intent="intent_lost", attempt="attempt_lost", customer="ana")
            request = CheckoutRequest(
                page.mode, page.price, page.quantity, page.customer or "", SUCCESS, BACK, reference
            )
            other = await shop.provider.create_checkout(request, key="lost")
            await shop.harness.pay(other.id)
            await shop.deliver()
            assert not (await shop.rights()).has("export")
            items = await shop.billing.attention.list()
            assert [(one.kind, one.customer, one.amount) for one in items] == [("case", "ana", 1_000)]
            case = await the_case(shop)
            assert case.kind == "unordered"
            done = await shop.billing.cases.settle(case.key)
            assert [(one.step.kind, one.state) for one in done.taken] == [
                (CANCEL, CONFIRMED),
                (REFUND, CONFIRMED),
            ]
            await shop.deliver()
            assert await shop.billing.cases.list() == []
            assert live(shop) == []
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_f44_a_settled_excess_bills_no_more_and_access_stays() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop)
            case = await the_case(shop)
            done = await shop.billing.cases.settle(case.key)
            assert done.case is None
            assert [(one.step.kind, one.state, one.error) for one in done.taken] == [
                (CANCEL, CONFIRMED, ""),
                (REFUND, CONFIRMED, ""),
            ]
            for one in done.taken:
                assert (await shop.billing.receipts.get(one.receipt)).state == CONFIRMED
            assert not await shop.billing.cases.list(status="")
            assert len(live(shop)) == 1
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()
            assert len([one for one in shop.made(Invoice) if one.status == "paid"]) == 3, "one renewed"
            assert not await shop.billing.cases.list(status="")
            assert (await shop.rights()).has("export")
            await shop.checked_hash()

    run(work)


def test_f67_the_refund_of_a_duplicate_takes_nothing_away() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            done = await shop.billing.cases.settle(case.key)
            assert [one.step.kind for one in done.taken] == [REFUND]
            assert sum(one.amount for one in shop.made(Refund)) == 2_000
            assert (await shop.rights()).has("book")
            (purchase,) = await shop.billing.purchases.list("ana")
            assert (purchase.paid, purchase.refunded, purchase.due) == (4_000, 2_000, 2_000)

    run(work)


def test_f67_a_refund_of_the_first_payment_instead_takes_nothing_away_either() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            (purchase,) = await shop.billing.purchases.list("ana")
            await shop.billing.purchases.refund("ana", purchase.key, idempotency_key="by hand")
            assert (await shop.rights()).has("book")

    run(work)


def test_a_refund_that_is_not_done_leaves_the_case_open_and_can_be_tried_again() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            await shop.billing.cases.settle(case.key)
            (refund,) = shop.made(Refund)
            refunds.come_back(shop.account.book, refund.id)
            await shop.deliver()
            again = await the_case(shop)
            assert (again.key, again.amount) == (case.key, 2_000)
            told = await shop.billing.cases.explain(case.key)
            assert [(one.kind, one.amount) for one in told.steps] == [(REFUND, 2_000)]
            assert [(one.step.kind, one.state) for one in told.tried] == [(REFUND, CONFIRMED)]
            assert [one.status for one in told.refunds] == ["failed"]
            done = await shop.billing.cases.settle(case.key)
            assert done.case is None
            assert len(shop.made(Refund)) == 2, "a new command, not the old one's answer"

    run(work)


def test_f35_a_lost_answer_leaves_the_case_open_and_is_not_asked_for_twice() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            with shop.trouble("/v1/refunds", Fault.LOST_ANSWER):
                done = await shop.billing.cases.settle(case.key)
            ((taken,), now) = done.taken, done.case
            assert (taken.state, now is not None) == (UNKNOWN, True)
            assert taken.error.startswith("outcome_unknown")
            with pytest.raises(WrongState, match="nothing can be done"):
                await shop.billing.cases.settle(case.key)
            shop.advance(seconds=120)
            await shop.billing.commands.resolve()
            assert len(shop.made(Refund)) == 1
            assert not await shop.billing.cases.list()

    run(work)


def test_f105_two_operators_who_settle_one_case_do_it_once() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop)
            case, other = await the_case(shop), await shop.another()
            await asyncio.gather(
                shop.billing.cases.settle(case.key),
                other.cases.settle(case.key),
                return_exceptions=True,
            )
            assert [one.amount for one in shop.made(Refund)] == [1_000]
            assert len(live(shop)) == 1
            assert not await shop.billing.cases.list()

    run(work)


def test_money_of_nobody_is_a_case_and_can_go_back() -> None:
    async def work() -> None:
        async with Shop() as shop:
            seller = Shop(harness=shop.harness, project="shop")
            async with seller:  # the same application, with a database that knows nothing
                await seller.buy()
            for webhook in shop.webhooks():
                await shop.take(webhook.body, webhook.headers)
            rows = await shop.billing.cases.list(kind="unmatched")
            assert {row.lane.partition(":")[0] for row in rows} == {"object"}
            paid = next(row for row in rows if row.about.startswith("invoice"))
            told = await shop.billing.cases.explain(paid.key)
            assert [(one.kind, one.amount) for one in told.steps] == [(CANCEL, 0), (REFUND, 1_000)]
            done = await shop.billing.cases.settle(paid.key)
            assert [one.state for one in done.taken] == [CONFIRMED, CONFIRMED]
            assert not await shop.billing.cases.list()
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


def test_a_case_that_is_right_as_it_is_is_resolved_for_a_reason() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            row = await shop.billing.cases.resolve(case.key, reason="a present for her sister", by="mia")
            assert row.status == "resolved"
            assert not await shop.billing.cases.list()
            assert [one.key for one in await shop.billing.cases.list(status="")] == [case.key]
            told = await shop.billing.cases.explain(case.key)
            assert told.resolution is not None
            assert (told.resolution.by, told.resolution.reason) == ("mia", "a present for her sister")
            assert (await shop.billing.receipts.get(row.decision)).kind == "case.resolve"
            before = await shop.checked_hash()
            await shop.billing.cases.resolve(case.key, reason="again", by="leo")
            assert await shop.checked_hash() == before, "the first decision counts"
            assert list(problems(shop.memory, now=shop.clock.now())) == []

    run(work)


class CountingCases(MemoryStore):
    """Counts the cases that are read."""

    read = 0

    async def cases(self, status: str, **asked: Any) -> Sequence[CaseRow]:
        found = await super().cases(status, **asked)
        self.read += len(found)
        return found

    async def rows(self, row_type: type[Any], **asked: Any) -> Sequence[Any]:
        found = await super().rows(row_type, **asked)
        self.read += len(found) if row_type is CaseRow else 0
        return found


def test_a_list_reads_what_it_shows_however_many_cases_were_resolved() -> None:
    async def work() -> None:
        database = MemoryDatabase()
        async with Shop(database, meddle=lambda _store: CountingCases(database)) as shop:
            store = shop.billing.store
            assert isinstance(store, CountingCases)
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            crowd = [
                replace(case, key=f"{case.key}:{number:04}", status="resolved", lane=f"customer:{number}")
                for number in range(1_500)
            ]
            excess = [replace(one, kind="mismatch", status="open") for one in crowd[:20]]
            rows: list[Row] = [*crowd[20:], *excess]
            database.rows.update({(CaseRow, one.key): one for one in rows})
            asked: list[tuple[dict[str, Any], list[Row]]] = [
                ({}, [case, *excess]),
                ({"kind": case.kind}, [case]),
                ({"kind": "mismatch", "limit": 5, "after": excess[3].key}, [*excess[4:9]]),
                ({"status": "resolved", "limit": 10}, [*crowd[20:30]]),
            ]
            for named, wanted in asked:
                store.read = 0
                assert await shop.billing.cases.list(**named) == wanted
                assert store.read == len(wanted), named
            store.read = 0
            assert await shop.billing.cases.list(status="", limit=4) == [case, *excess[:3]]
            assert store.read == 8, "four of each status"
            store.read = 0
            assert await shop.billing.cases.list(customer="ana", status="") == [case]
            assert store.read == 1

    run(work)


def test_a_resolved_case_is_open_again_when_there_is_more_to_it() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            await shop.billing.invoices.refund("ana", case.about, amount=500, idempotency_key="half")
            row = await shop.billing.cases.resolve(case.key, reason="half is fair", by="mia")
            assert (row.amount, row.status) == (1_500, "resolved")
            refunds.come_back(shop.account.book, shop.made(Refund)[0].id)
            await shop.deliver()
            assert [(one.amount, one.status) for one in await shop.billing.cases.list()] == [(2_000, "open")]

    run(work)


@pytest.mark.parametrize(("reason", "by"), [("", "mia"), (" ", "mia"), ("why", ""), ("x" * 501, "mia")])
def test_nobody_resolves_without_a_reason_or_a_name(reason: str, by: str) -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            case = await the_case(shop)
            with pytest.raises(InvalidArgument):
                await shop.billing.cases.resolve(case.key, reason=reason, by=by)
            assert await the_case(shop) == case

    run(work)


def test_a_case_that_is_gone_or_never_was_is_not_found() -> None:
    async def work() -> None:
        async with Shop() as shop:
            for key in ("case:excess:invoice:sandbox:in_1", "case", "nonsense:"):
                for ask in (shop.billing.cases.get, shop.billing.cases.explain, shop.billing.cases.settle):
                    with pytest.raises(NotFound):
                        await ask(key)

    run(work)


def test_nothing_that_was_paid_as_ordered_is_proposed_to_end() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop)
            bound = next(row for row in await shop.billing.subscriptions.list("ana") if row.bound)
            for case in await shop.billing.cases.list():
                told = await shop.billing.cases.explain(case.key)
                assert bound.key not in [one.about for one in told.steps]
            assert isinstance(bound, SubscriptionRow)

    run(work)


def test_the_examples_of_the_page_run() -> None:
    settle, resolve = blocks("cases.md", "python")

    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            names: dict[str, object] = {"billing": shop.billing, "case": await the_case(shop)}
            await run_block(resolve, names)
            assert not await shop.billing.cases.list()
        async with Shop() as shop:
            await paid_twice(shop, "book:full")
            names = {"billing": shop.billing}
            await run_block(settle, names)
            assert not await shop.billing.cases.list()

    run(work)


def test_a_renewal_of_what_was_too_many_goes_back_with_it() -> None:
    async def work() -> None:
        async with Shop() as shop:
            await paid_twice(shop)
            shop.advance(days=MONTH_DAYS)
            await shop.deliver()
            case = await the_case(shop)
            done = await shop.billing.cases.settle(case.key)
            assert [(one.step.kind, one.step.amount) for one in done.taken] == [
                (CANCEL, 0),
                (REFUND, 1_000),
                (REFUND, 1_000),
            ]
            assert sum(one.amount for one in shop.made(Refund)) == 2_000
            assert (await shop.rights()).has("export")

    run(work)
