"""An import: who is certain has what they pay for, who is doubtful has nothing, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from purchase_core import Catalog, Money, credit_pack, credit_unit, feature, one_time
from purchase_core import plan as offered
from purchase_core.billing import Billing
from purchase_core.errors import (
    CapabilityMissing,
    InvalidArgument,
    PlanInvalid,
    ProviderUnavailable,
    UnknownConnection,
    WrongState,
)
from purchase_core.facts.rows import PurchaseRow
from purchase_core.importing.mapping import read_customers
from purchase_core.importing.plan import decode_import, summary
from purchase_core.operations import importing
from purchase_core.operations.surveying import CustomerRules
from purchase_core.ports.provider import Capabilities
from purchase_core.records.run import FINISHED, RUNNING
from purchase_core.testing.bench import problems
from tests.importing.before import Before, applied, catalog
from tests.rollout.street import PROVIDERS, Street, run


def sold_once(book: Mapping[str, str], pack: Mapping[str, str]) -> Catalog:
    """What is paid once: a book, and credits."""
    ai = credit_unit("ai", unit="tokens")
    full = offered(
        "full", price=Money("20.00", "USD"), includes=[feature("export")()], provider_ids=dict(book)
    )
    small = offered("small", price=Money("5.00", "USD"), includes=[ai(amount=500)], provider_ids=dict(pack))
    return Catalog(one_time("book", name="Book", plans=[full]), credit_pack("ai", name="AI", plans=[small]))


async def rights(billing: Billing, customer: str) -> bool:
    return (await billing.customers.entitlements(customer)).has("export")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_certain_have_what_they_pay_for_and_the_doubtful_nothing(provider: str) -> None:
    async def work(street: Street) -> None:
        past = Before(street, provider)
        await past.make(("ana", "ben", "dan", "eve"), older=("ben",))
        async with street.opening(catalog({provider: past.today})) as billing:
            await billing.customers.upsert("dan", email="Dan@Example.com")
            asked = await billing.importing.plan(provider, past.map("ana", "ben"))
            assert [(one.price, one.subscriptions) for one in asked.unknown_prices] == [(past.old, 1)]
            plan = await billing.importing.plan(
                provider, past.map("ana", "ben"), prices={past.old: "app:pro"}
            )
            assert dict(plan.customers) == {"map": 2, "doubtful": 1, "nobody": 1}
            assert plan.subscriptions == {"map": 2, "doubtful": 1, "nobody": 1}
            (doubt,), (nobody,) = plan.doubts, plan.nobodys
            assert (doubt.theirs, doubt.candidates, doubt.live) == (past.theirs["dan"], ("dan",), 1)
            assert nobody.theirs == past.theirs["eve"]
            assert plan.unknown_prices == ()
            assert {one.price: one.sold for one in plan.prices} == {past.today: True, past.old: False}
            assert not street.memory.database.references, "a plan writes nothing"
            plan = decode_import(plan.encode())
            done = await applied(billing, plan)
            assert (done.state, done.counts["linked"], done.counts["prices"]) == (FINISHED, 2, 2)
            assert [await rights(billing, name) for name in ("ana", "ben", "dan", "eve")] == [
                True, True, False, False,
            ]  # fmt: skip
            assert {kind for kind, _ in await street.cases(billing)} == {"unmatched"}
            # Again: nothing is linked, recorded or granted a second time.
            facts = len(street.memory.database.facts)
            again = await applied(billing, await billing.importing.plan(provider, past.map("ana", "ben")))
            counts = dict(again.counts)
            assert [counts.get(one, 0) for one in ("linked", "prices", "missing", "differs")] == [0, 0, 0, 0]
            assert counts["linked before"] == 2
            assert len(street.memory.database.facts) == facts
            # One is decided, and has all that waited; the other is said to be nobody.
            await billing.importing.decide(provider, past.theirs["dan"], "dan", by="ops", reason="he wrote")
            assert await rights(billing, "dan")
            await billing.importing.decide(provider, past.theirs["eve"], "", by="ops", reason="the old shop")
            last = await billing.importing.plan(provider, CustomerRules())
            assert (last.doubts, last.nobodys, last.customers["left"]) == ((), (), 1)
            assert list(problems(street.memory.database, now=street.clock.now())) == []
            # What happens next arrives as ever.
            getattr(street, provider).advance(days=32)
            await street.deliver(billing)
            assert [await rights(billing, name) for name in ("ana", "ben", "dan", "eve")] == [
                True, True, True, False,
            ]  # fmt: skip
            # An old price stays what it is: nobody can buy it, and a rollout retires it or leaves it alone.
            steps = (await billing.rollout.plan()).steps
            assert {(one.act, one.object) for one in steps if one.object == past.old} <= {
                ("retire", past.old)
            }

    run(work, [provider])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_bought_once_is_a_purchase_as_if_it_had_been_ordered_here(provider: str) -> None:
    async def work(street: Street) -> None:
        past = Before(street, provider)
        book, pack, odd = [
            await past.once(*one) for one in ((2_000, "Book"), (500, "Pack"), (700, "Something else"))
        ]
        two = 1 if provider == "paddle" else 2  # where a price made by hand is sold one at a time
        for name, price, quantity in (
            ("ana", book, two),
            ("ben", pack, 1),
            ("cid", odd, 1),
            ("dan", book, 1),
        ):
            await past.subscribe(name, price, mode="payment", quantity=quantity)
        async with street.opening(sold_once({provider: book}, {provider: pack})) as billing:
            plan = await billing.importing.plan(provider, past.map("ana", "ben", "cid"))
            done = await applied(billing, plan)
            assert (done.state, done.counts["purchases"]) == (FINISHED, 2)
            rows = {row.lane: row for row in await billing.store.rows(PurchaseRow)}
            assert sorted(rows) == ["customer:ana", "customer:ben"]
            ana = rows["customer:ana"]
            assert (ana.product, ana.quantity, ana.due, ana.paid) == (
                "one_time",
                two,
                two * 2_000,
                two * 2_000,
            )
            assert [await rights(billing, name) for name in ("ana", "ben", "cid", "dan")] == [
                True, False, False, False,
            ]  # fmt: skip
            assert (await billing.customers.entitlements("ben")).credits == {"ai": 500}
            # A price that no offer is known for grants nothing, and is no order of ours.
            (bill,) = await billing.invoices.list("cid")
            assert (bill.match, bill.paid) == ("unneeded", 700)
            assert list(problems(street.memory.database, now=street.clock.now())) == []
            facts = len(street.memory.database.facts)
            again = await applied(billing, await billing.importing.plan(provider, past.map("ana", "ben")))
            assert again.counts.get("purchases", 0) == 0
            assert len(street.memory.database.facts) == facts
            if provider == "paddle":  # who allows a refund only later, as for what was ordered here
                return
            # Its money goes back like that of any purchase, and what it granted with it.
            await billing.purchases.refund("ana", ana.key, idempotency_key="back")
            await street.deliver(billing)
            assert not await rights(billing, "ana")

    run(work, [provider])


def test_what_does_not_agree_is_doubtful_and_a_person_decides() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana", "ben"))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            both = past.map("ana")
            rows = f"their_customer,our_customer\n{past.theirs['ana']},ana\n{past.theirs['ana']},amy\n"
            both = CustomerRules(read_customers(rows.encode()))
            plan = await billing.importing.plan("sandbox", both)
            assert [one.candidates for one in plan.doubts] == [("amy", "ana")]
            await applied(billing, plan)
            assert not await rights(billing, "ana")
            field = CustomerRules(field="purchase_customer")
            plan = await billing.importing.plan("sandbox", field)
            assert plan.customers == {"field": 2}
            await applied(billing, plan)
            assert await rights(billing, "ana")
            # A link is never taken away, whatever a later file says.
            plan = await billing.importing.plan("sandbox", past.map(ana="zoe"))
            assert [one.why for one in plan.doubts] == ["they do not agree: link: ana; map: zoe"]
            with pytest.raises(WrongState):
                await billing.importing.decide("sandbox", past.theirs["ana"], "zoe", by="ops", reason="no")
            with pytest.raises(WrongState):
                await billing.importing.decide("sandbox", past.theirs["ana"], "", by="ops", reason=" ")

    run(work, ["sandbox"])


def test_who_was_erased_is_linked_to_nothing_again() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana",))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            await billing.customers.upsert("ana", email="ana@example.com")
            early = await billing.importing.plan("sandbox", past.map("ana"))
            await billing.customers.erase("ana")
            plan = await billing.importing.plan("sandbox", past.map("ana"))
            assert [one.why for one in plan.doubts] == ["that customer was erased"]
            done = await applied(billing, early)
            assert (done.counts.get("linked", 0), done.counts["overtaken"]) == (0, 1)
            with pytest.raises(WrongState):
                await billing.importing.decide("sandbox", past.theirs["ana"], "ana", by="ops", reason="so")

    run(work, ["sandbox"])


def test_f95_an_import_that_dies_anywhere_goes_on_and_nothing_counts_twice() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        names = tuple(f"user_{number}" for number in range(5))
        await past.make(names)
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            plan = await billing.importing.plan("sandbox", past.map(*names))
            connection = billing.connections["sandbox"]
            objects, link, calls = connection.objects, billing.importing._recorder.link, 0

            def now_and_then(original: Any) -> Any:
                async def failing(*rest: Any, **named: Any) -> Any:
                    nonlocal calls
                    calls += 1
                    if calls % 3 == 0:
                        raise ProviderUnavailable("busy")
                    return await original(*rest, **named)

                return failing

            last = await billing.importing.begin(plan)
            with (
                patch.object(importing, "LINKS_PER_SLICE", 2),
                patch.object(connection, "objects", now_and_then(objects)),
                patch.object(billing.importing._recorder, "link", now_and_then(link)),
            ):
                tries = 0
                while last.state == RUNNING:
                    tries += 1
                    assert tries < 30
                    begun = await billing.importing.begin(plan)
                    with suppress(ProviderUnavailable):
                        async for noted, _ in billing.importing.run(begun, plan):
                            last = noted
            assert tries > 2
            (only,) = await billing.store.runs(kind="import")
            assert only.counts["linked"] + only.counts.get("linked before", 0) == 5, "no slice is done twice"
            assert [await rights(billing, name) for name in names] == [True] * 5
            assert len(await street.subscriptions(billing)) == 5
            assert list(problems(street.memory.database, now=street.clock.now())) == []

    run(work, ["sandbox"])


def test_what_cannot_be_is_refused_before_anything_is_written() -> None:
    async def work(street: Street) -> None:
        past = Before(street, "sandbox")
        await past.make(("ana",))
        async with street.opening(catalog({"sandbox": past.today})) as billing:
            own = billing.importing
            with pytest.raises(UnknownConnection):
                await own.plan("nowhere", CustomerRules())
            for said in ({"price_none": "app:pro"}, {past.old: "app:none"}):
                with pytest.raises(InvalidArgument):
                    await own.plan("sandbox", CustomerRules(), prices=said)
            connection = billing.connections["sandbox"]
            with (
                patch.object(type(connection), "capabilities", Capabilities(frozenset(), 0)),
                pytest.raises(CapabilityMissing),
            ):
                await own.plan("sandbox", CustomerRules())
            plan = await own.plan("sandbox", past.map("ana"))
            assert "1 customers to link (1 by map)" in summary(plan)
            for data, kind in (
                (b"{", "unreadable"),
                (plan.encode().replace(b'"by": "map"', b'"by": "link"'), "edited"),
                (replace(plan, format=9).encode(), "unreadable"),
            ):
                with pytest.raises(PlanInvalid) as refused:
                    decode_import(data)
                assert refused.value.kind == kind
            elsewhere = replace(plan, account=replace(plan.account, environment="production")).sealed()
            with pytest.raises(PlanInvalid) as refused:
                await own.begin(elsewhere)
            assert refused.value.kind == "elsewhere"
            assert "ana@" not in plan.encode().decode()

    run(work, ["sandbox"])
