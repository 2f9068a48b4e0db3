"""Whose is it? Stored references first, claims last, nobody's objects are left alone, and nothing moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any, TypeVar, cast

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.access.evaluate import evaluate
from purchase_core.access.live import EMPTY, Live, decode_live, exchange
from purchase_core.access.policy import AccessPolicy
from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.products import one_time, plan
from purchase_core.facts.fact import Fact
from purchase_core.facts.rows import CaseRow, IntentRow, InvoiceRow, LotRow, PurchaseRow, Row, SubscriptionRow
from purchase_core.money import Money
from purchase_core.ports.batch import Batch
from purchase_core.ports.provider import CustomerClaim, Need
from purchase_core.projection.work import Work
from purchase_core.records.lane import customer_lane
from purchase_core.records.movement import START
from purchase_core.records.reference import PriceReference, Reference
from purchase_core.testing.bench import Bench, problems
from purchase_core.testing.sales import CATALOG, T0, VERSIONS, Sale, again, later

R = TypeVar("R", bound=Row)

ALICE, BOB = customer_lane("alice"), customer_lane("bob")
PRO = Sale()
PLAIN = Sale(tagged=False)
BOBS = Sale(2, "bob")


def run(scenario: Callable[[Bench], Awaitable[None]], *, world: tuple[Fact, ...] = ()) -> None:
    """Run a scenario on a fresh bench, and check that it left nothing that contradicts itself."""

    async def whole() -> None:
        bench = await Bench(world=world).open()
        await scenario(bench)
        assert list(problems(bench.database, now=bench.clock.now())) == []

    asyncio.run(whole())


def of(bench: Bench, table: type[R]) -> list[R]:
    """The rows of one table, by key."""
    return sorted((row for row in bench.rows() if isinstance(row, table)), key=lambda row: row.key)


def lanes(bench: Bench) -> dict[str, str]:
    """The lane of each row but cases, by its provider's id."""
    return {row.key.rpartition(":")[2]: row.lane for row in bench.rows() if not isinstance(row, CaseRow)}


def but(fact: Fact, **changes: object) -> Fact:
    """The same object at the same instant, with some fields changed."""
    return again(fact, replace(cast("Any", fact.body), **changes))


def claim(customer: str, provider_customer: str = "cus_alice") -> CustomerClaim:
    """Metadata says so."""
    return CustomerClaim(provider_customer, customer)


# --- ours, and where --------------------------------------------------------------------------


def test_an_intent_is_its_customers_from_the_start() -> None:
    """It needs no reference: it says whose it is."""

    async def scenario(bench: Bench) -> None:
        await bench.record(PRO.placed())
        assert [(row.lane, row.customer) for row in of(bench, IntentRow)] == [(ALICE, "alice")]

    run(scenario)


def test_an_intent_that_others_named_before_is_its_customers_all_the_same() -> None:
    """Bob's bill names an order of Alice's that we have not heard of: the order is hers when it comes."""

    async def scenario(bench: Bench) -> None:
        await bench.link(BOBS.link)
        await bench.record(but(BOBS.subscription(), intent=""))
        await bench.record(but(BOBS.invoice(), intent="intent_1"))
        await bench.record(PRO.placed(), PRO.tried())
        await bench.record(PRO.invoice())
        assert lanes(bench)["intent_1"] == lanes(bench)["in_1_1"] == ALICE
        assert lanes(bench)["in_2_1"] == BOB
        assert [row.status for row in of(bench, IntentRow)] == ["settled"]

    run(scenario)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_renewal_that_another_customer_pays_is_of_its_agreement_in_whatever_order(
    order: tuple[int, ...],
) -> None:
    """It names no order, and may be heard of first: whoever pays it does not get it, nor the agreement."""

    async def scenario(bench: Bench) -> None:
        await bench.link(PRO.link)
        await bench.record(PRO.placed(), PRO.tried())
        paid = but(PRO.renewal(1), customer=BOBS.payer)
        facts: list[Callable[[], Awaitable[object]]] = [
            lambda: bench.record(PRO.subscription()),
            lambda: bench.record(paid),
            lambda: bench.link(BOBS.link),
        ]
        for number in order:
            await facts[number]()
        assert {row.lane for row in bench.rows()} == {ALICE}
        assert of(bench, CaseRow) == []
        assert [row.match for row in of(bench, InvoiceRow)] == ["unneeded"]

    run(scenario)


def test_f12_foreign_objects_are_counted_and_leave_nothing_behind() -> None:
    """Another application's objects on the same account: no row, no lane, no case."""
    foreign = but(PLAIN.subscription(), items=(), customer="cus_foreign")
    line = replace(cast("Any", PLAIN.invoice().body).lines[0], price="price_foreign")
    bill = but(PLAIN.renewal(1), lines=(line,), customer="cus_foreign")

    async def scenario(bench: Bench) -> None:
        recorded = await bench.record(foreign, bill)
        assert (recorded.foreign, recorded.needs) == (2, ())
        assert (bench.rows(), bench.database.facts, bench.database.lanes) == ([], {}, {})
        assert (await bench.record(bill, PRO.placed())).foreign == 1
        assert set(lanes(bench)) == {"intent_1"}

    run(scenario)


def test_f12_a_refund_of_a_foreign_bill_is_asked_for_once_and_then_foreign_too() -> None:
    """The look-up shows whose it is; it is not asked for again and again."""
    bill = but(PLAIN.invoice(), lines=(), customer="cus_foreign")
    refund = PLAIN.refund(100)

    async def scenario(bench: Bench) -> None:
        recorded = await bench.recorder.record(Work((refund,)), cause="c", addition=lambda batch: batch)
        assert recorded.needs == (Need("invoice", "in_1_1", "refund of an invoice that was not seen yet"),)
        answered = await bench.record(bill, refund)
        assert (answered.needs, answered.foreign, bench.rows()) == ((), 2, [])

    run(scenario)


def test_what_makes_an_object_ours() -> None:
    """Our reference, a price of ours, a linked customer, or an agreement that we know."""
    line = replace(cast("Any", PLAIN.renewal(1).body).lines[0], price="price_dashboard")

    async def scenario(bench: Bench) -> None:
        dashboard = but(PLAIN.renewal(1), lines=(line,))
        assert (await bench.record(dashboard)).foreign == 1
        assert (await bench.record(PLAIN.subscription())).foreign == 0  # has our price
        assert (await bench.record(dashboard)).foreign == 0  # is of a subscription that we know
        other = but(PLAIN.renewal(2), lines=(line,), subscription="", customer="cus_linked")
        assert (await bench.record(other)).foreign == 1
        await bench.link(Reference("customer:stripe-eu:cus_linked", BOB))
        assert (await bench.record(other)).foreign == 0

    run(scenario)


def test_a_fact_of_two_unowned_lanes_joins_them() -> None:
    """The session names the subscription; with the owner of one comes the other."""

    async def scenario(bench: Bench) -> None:
        await bench.record(PLAIN.renewal(1))
        await bench.record(PLAIN.invoice())
        await bench.record(PRO.placed(), PRO.tried())
        assert {row.lane for row in of(bench, InvoiceRow)} == {"object:subscription:stripe-eu:sub_1_1"}
        await bench.record(PRO.session())
        assert {row.lane for row in bench.rows()} == {ALICE}
        assert [row.status for row in of(bench, IntentRow)] == ["settled"]

    run(scenario)


def test_f32_a_payment_without_metadata_waits_with_its_money_and_is_matched_later() -> None:
    """It is seen, with its amount; the session, which carries our reference, ties it to its order."""
    sale = Sale(offer="tokens:small", tagged=False)

    async def scenario(bench: Bench) -> None:
        await bench.record(sale.placed(), sale.tried())
        await bench.record(sale.invoice())
        waiting = of(bench, CaseRow)
        assert [(row.kind, row.amount, row.currency) for row in waiting] == [("unmatched", 500, "EUR")]
        assert waiting[0].lane == "object:invoice:stripe-eu:in_1_1"
        assert of(bench, PurchaseRow) == []
        await bench.record(sale.session(at=later(seconds=1)))
        assert of(bench, CaseRow) == []
        assert [(row.lane, row.granted) for row in of(bench, LotRow)] == [(ALICE, 500)]
        assert [row.lane for row in of(bench, PurchaseRow)] == [ALICE]

    run(scenario)


# --- claims -----------------------------------------------------------------------------------


def test_a_claim_is_believed_of_a_customer_that_we_know() -> None:
    """And of that provider's customer only."""

    async def scenario(bench: Bench) -> None:
        await bench.record(Sale(9, "alice").placed())
        await bench.record(PLAIN.subscription(), claims=[claim("alice", "cus_other")])
        assert lanes(bench)["sub_1_1"] == "object:subscription:stripe-eu:sub_1_1"
        await bench.record(PLAIN.subscription(), claims=[claim("alice")])
        assert lanes(bench)["sub_1_1"] == ALICE

    run(scenario)


def test_f34_a_claim_of_an_unknown_customer_is_not_believed_and_makes_nobody_known() -> None:
    """Not at first, and not when it is repeated."""

    async def scenario(bench: Bench) -> None:
        for _ in range(3):
            await bench.record(PLAIN.invoice(), claims=[claim("mallory")])
        assert lanes(bench)["in_1_1"] == "object:subscription:stripe-eu:sub_1_1"
        assert customer_lane("mallory") not in bench.database.lanes

    run(scenario)


def test_f101_a_claim_never_moves_an_object_to_another_customer() -> None:
    """What is Alice's stays hers, whatever the metadata says later."""

    async def scenario(bench: Bench) -> None:
        await bench.record(BOBS.placed())
        await bench.link(PLAIN.link)
        await bench.record(PLAIN.subscription())
        before = bench.hash()
        await bench.record(PLAIN.subscription(), claims=[claim("bob")])
        await bench.record(PLAIN.renewal(1), claims=[claim("bob")])
        assert lanes(bench) | {"intent_2": BOB} == lanes(bench)
        assert lanes(bench)["sub_1_1"] == lanes(bench)["in_1_1_r1"] == ALICE
        assert bench.hash("bob") != before

    run(scenario)


def test_f34_naming_the_order_of_somebody_else_harms_nobody_else() -> None:
    """Alice's objects begin to name Bob's order: his cluster, rows and references stay as they are."""

    async def scenario(bench: Bench) -> None:
        await bench.link(PLAIN.link)
        await bench.record(BOBS.placed(), BOBS.tried())
        await bench.record(BOBS.invoice(), BOBS.subscription())
        await bench.record(PLAIN.subscription())
        before, cluster = bench.hash("bob"), bench.database.clusters["intent:own:intent_2"]
        await bench.record(but(PLAIN.subscription(at=later(days=1)), intent="intent_2"))
        assert bench.hash("bob") == before
        assert bench.database.clusters["intent:own:intent_2"] == cluster
        mine = {row.key: row.bound for row in of(bench, SubscriptionRow) if row.lane == ALICE}
        assert mine == {"subscription:stripe-eu:sub_1_1": False}

    run(scenario)


def test_f34_a_new_payment_that_names_somebody_elses_order_pays_for_nobody() -> None:
    """It goes to the order that it names, where it does not match, and its money is seen."""

    async def scenario(bench: Bench) -> None:
        await bench.link(PRO.link)
        await bench.record(BOBS.placed(), BOBS.tried())
        await bench.record(but(PRO.invoice(), intent="intent_2", subscription="sub_2_1"))
        assert [(row.kind, row.amount, row.lane) for row in of(bench, CaseRow)] == [("mismatch", 1_000, BOB)]
        assert [row.status for row in of(bench, IntentRow)] == ["mismatched"]
        assert of(bench, LotRow) == []

    run(scenario)


@pytest.mark.parametrize("one_batch", [True, False])
def test_objects_placed_in_one_batch_are_as_safe_as_in_two(one_batch: bool) -> None:
    """A fact of Bob's that names what was just placed with Alice leaves it with her."""
    hers = PRO.subscription()
    names_hers = but(BOBS.session(), subscription="sub_1_1")

    async def scenario(bench: Bench) -> None:
        await bench.record(PRO.placed(), PRO.tried(), BOBS.placed(), BOBS.tried())
        if one_batch:
            await bench.record(hers, names_hers)
        else:
            await bench.record(hers)
            await bench.record(names_hers)
        assert lanes(bench)["sub_1_1"] == ALICE
        assert bench.database.references["subscription:stripe-eu:sub_1_1"].lane == ALICE

    run(scenario)


# --- a provider's customer that two of ours share ------------------------------------------------


def test_f101_a_shared_customer_of_the_provider_owns_nothing() -> None:
    """One e-mail, one customer at the provider, two of ours: objects link by their own references only."""
    hers = attrs.evolve(PRO, provider_customer="ctm_shared")
    his = attrs.evolve(BOBS, provider_customer="ctm_shared")

    async def scenario(bench: Bench) -> None:
        for sale in (hers, his):
            await bench.link(sale.link)
            await bench.record(sale.placed(), sale.tried())
            await bench.record(sale.subscription(), sale.invoice())
        await bench.link(hers.link)
        await bench.record(hers.renewal(1), his.renewal(1))
        assert lanes(bench)["in_1_1_r1"] == ALICE
        assert lanes(bench)["in_2_1_r1"] == BOB
        unknown = attrs.evolve(PLAIN, number=3, provider_customer="ctm_shared")
        await bench.record(unknown.subscription())
        assert lanes(bench)["sub_3_1"] == "object:subscription:stripe-eu:sub_3_1"
        assert [row.kind for row in of(bench, CaseRow)] == ["unmatched"]

    run(scenario)


def test_a_link_that_is_written_again_changes_nothing() -> None:
    """The same link is no conflict."""

    async def scenario(bench: Bench) -> None:
        await bench.record(PLAIN.subscription())
        for _ in range(2):
            await bench.link(PLAIN.link)
        assert lanes(bench) == {"sub_1_1": ALICE}
        assert bench.database.references[PLAIN.link.object] == PLAIN.link

    run(scenario)


def test_a_link_finds_what_has_no_case() -> None:
    """An unpaid bill and an ended subscription have no money to show, and belong to somebody all the same."""

    async def scenario(bench: Bench) -> None:
        await bench.record(Sale(3, tagged=False).subscription("canceled"))
        await bench.record(Sale(4, offer="book:full", tagged=False).invoice("open"))
        assert of(bench, CaseRow) == []
        await bench.link(PLAIN.link)
        assert lanes(bench) == {"sub_3_1": ALICE, "in_4_1": ALICE}

    run(scenario)


def test_effects_come_once_and_with_their_owner() -> None:
    """A subscription that waited starts when its owner is known; a replay tells nothing again."""

    async def scenario(bench: Bench) -> None:
        await bench.record(PLAIN.subscription())
        told = [(effect.name, effect.lane) for effect in bench.database.effects.values()]
        assert told == [("case.unmatched", "object:subscription:stripe-eu:sub_1_1")]
        await bench.link(PLAIN.link)
        started = [effect for effect in bench.database.effects.values() if effect.name != "case.unmatched"]
        assert [(effect.name, effect.lane) for effect in started] == [("subscription.started", ALICE)]
        await bench.record(PLAIN.subscription())
        assert len(bench.database.effects) == 2

    run(scenario)


# --- what was sold, and what is sold now -----------------------------------------------------------


def live_of(bench: Bench) -> Live:
    """What is live of alice; her journal names batches, and so differs."""
    return replace(decode_live(bench.database.lanes[ALICE].document), journal=START)


def test_a_changed_catalog_or_policy_changes_no_hash_and_no_holders_rights() -> None:
    """I13: prices, grants and offers of today mean nothing for what was bought."""
    facts = [PRO.placed(), PRO.tried(), PRO.session(), PRO.subscription(), PRO.invoice(), PRO.renewal(1)]
    other = Catalog(one_time("mug", plans=[plan("blue", price=Money("9.00", "EUR"))]))
    found = []

    async def scenario(bench: Bench) -> None:
        process = Bench(bench.database, offers=other.offers.values())
        for number, fact in enumerate(facts):
            await (process if number % 2 else bench).record(fact)
        found.append((bench.hash(), live_of(bench)))

    run(scenario)

    async def alike(bench: Bench) -> None:
        for fact in facts:
            await bench.record(fact)
        found.append((bench.hash(), live_of(bench)))

    run(alike)
    assert found[0] == found[1]
    live = found[0][1]
    for defaults in ((), CATALOG.defaults):
        rights = evaluate(live, AccessPolicy(), VERSIONS, defaults, T0)
        assert (rights.features, rights.limit("api"), rights.balance("ai")) == (
            frozenset({"export"}),
            1_000,
            200,
        )


def test_i13_the_live_document_is_the_rows_after_lanes_were_linked() -> None:
    """Both lanes' documents are exchanged: the waiting one's is empty afterwards."""

    async def scenario(bench: Bench) -> None:
        await bench.record(PLAIN.subscription(), PLAIN.renewal(1))
        waited = bench.database.lanes["object:subscription:stripe-eu:sub_1_1"]
        assert decode_live(waited.document).subscriptions != {}
        await bench.link(PLAIN.link)
        linked = bench.database.lanes["object:subscription:stripe-eu:sub_1_1"]
        assert (linked.linked_to, decode_live(linked.document)) == (ALICE, EMPTY)
        anew = exchange(EMPTY, (), bench.rows("alice"), now=bench.clock.now())
        assert replace(decode_live(bench.database.lanes[ALICE].document), journal=START) == anew
        assert anew.subscriptions != {}

    run(scenario)


def test_an_invoice_is_remembered_with_the_price_of_its_day() -> None:
    """A fact that is told again after its price was made is mapped, and its rows with it."""
    line = replace(cast("Any", PLAIN.renewal(1).body).lines[0], price="price_made_later")
    bill = but(PLAIN.renewal(1), lines=(line,))

    async def scenario(bench: Bench) -> None:
        await bench.link(PLAIN.link)
        await bench.record(bill)
        assert of(bench, LotRow) == []
        made = PriceReference("stripe-eu", "price_made_later", "app:pro", PRO.version.hash, "EUR", T0)
        await bench.store.commit(Batch("priced", T0, prices=(made,)))
        await bench.record(bill)
        assert [row.granted for row in of(bench, LotRow)] == [100]

    run(scenario)
