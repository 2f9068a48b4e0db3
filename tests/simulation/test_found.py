"""What the simulator has found in code that had passed every other test. Each stays mended."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core.errors import InvalidArgument, OutcomeUnknown, ProviderRefused
from purchase_core.facts.rows import CaseRow, InvoiceRow, RefundRow, SubscriptionRow
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.records.command import CONFIRMED
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.simulation import Plan, play
from purchase_core.testing.simulation.provider import changing
from purchase_core.testing.simulation.provider.money import dispute
from purchase_core.testing.simulation.provider.selling import Twist, pay
from purchase_core.testing.simulation.world import World

from .planted import planted
from .stage import asked, delivered, ended, stage, started


def paid(world: World) -> str:
    """The key of the invoice of a book that ana has bought."""
    (name,) = world.accounts
    checkout = started(world, email="ana@example.com")
    world.pass_time(5_000_000)
    pay(world.accounts[name], world.accounts[name].book.sessions[checkout.session])
    delivered(world)
    (row,) = world.read(world.store.rows(InvoiceRow))
    return row.key


@pytest.mark.parametrize("seconds_behind", [0, 45])
def test_f73_a_refusal_counts_after_its_request_whatever_the_clock_says(seconds_behind: int) -> None:
    """Else the money would be on its way for ever: nothing that came later could say otherwise."""
    world = stage("stripe")
    invoice = paid(world)
    account = world.accounts["stripe"]
    dispute(account, account.book.invoices[invoice.rpartition(":")[2]], 2_000)  # nobody has told us yet
    provider = world.processes[0].billing.connections["stripe"]
    send = provider.refund

    async def set_back(*request: Any, **named: Any) -> Any:
        world.clock.set_to(Instant(world.clock.now() - seconds_behind * SECOND))
        return await send(*request, **named)

    provider.refund = set_back  # type: ignore[method-assign]
    with pytest.raises(ProviderRefused):
        asked(world, lambda billing: billing.invoices.refund("ana", invoice, idempotency_key="back-1"))
    (refund,) = world.read(world.store.rows(RefundRow))
    (row,) = world.read(world.store.rows(InvoiceRow))
    assert (refund.status, row.refunding) == ("refused", 0)
    assert world.read(world.store.rows(CaseRow)) == []


def test_f48_a_worker_that_knows_no_address_gives_no_checkout_up() -> None:
    """Where a provider has one customer an address, only the application can go on: it knows it."""
    world = stage("stripe", "paddle")
    provider = world.processes[0].billing.connections["stripe"]

    async def lost(*_request: Any, **_named: Any) -> Any:
        raise OutcomeUnknown("no answer")

    create, provider.create_checkout = provider.create_checkout, lost  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        started(world, email="ana@example.com")
    provider.create_checkout = create  # type: ignore[method-assign]
    world.accounts["stripe"].refuses = True
    world.pass_time(70 * SECOND)
    world.run(world.work())
    assert started(world, email="ana@example.com").session.startswith("txn_paddle")
    command = world.read(world.store.command("checkout.start:cart-0"))
    assert command is not None
    assert command.state == CONFIRMED


def test_f35_f101_a_page_whose_answer_was_lost_is_found_though_its_customer_was_merged() -> None:
    """Sent again it names another customer: another request under its key, and refused as that."""
    world = stage("stripe")
    started(world, customer="bo", email="bo@example.com", idempotency_key="cart-1")
    provider = world.processes[0].billing.connections["stripe"]
    create = provider.create_checkout

    async def lost(*request: Any, **named: Any) -> Any:
        await create(*request, **named)
        raise OutcomeUnknown("no answer")

    provider.create_checkout = lost  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        started(world, email="ana@example.com")
    provider.create_checkout = create  # type: ignore[method-assign]
    asked(world, lambda billing: billing.customers.merge("ana", into="bo", reason="one", by="op"))
    checkout = started(world, email="ana@example.com")
    account = world.accounts["stripe"]
    pages = [one.id for one in account.book.sessions.values() if one.status == "open"]
    assert checkout.session in pages
    assert len(pages) == 2
    # It was opened for ana, and whoever is bo now is two of the provider's customers: either may pay.
    for page in pages:
        pay(account, account.book.sessions[page])
    delivered(world)
    assert [row.match for row in world.read(world.store.rows(InvoiceRow))] == ["matched", "matched"]


def test_nothing_is_begun_for_want_of_an_address() -> None:
    """What is written down without it could never be sent."""
    world = stage("paddle")
    with pytest.raises(InvalidArgument, match="one customer an e-mail address, and none was given"):
        started(world)
    assert world.read(world.store.command("checkout.start:cart-0")) is None
    assert started(world, email="ana@example.com").session.startswith("txn_paddle")


def test_f43_a_checkout_goes_on_where_a_customer_needs_an_address() -> None:
    """A page that is closed must be followed by one that can be opened."""
    world = stage("stripe", "paddle")
    first = started(world, email="ana@example.com")
    second = asked(
        world, lambda billing: billing.checkout.switch(idempotency_key="cart-0", email="ana@example.com")
    )
    assert (first.connection, second.connection) == ("stripe", "paddle")
    assert world.accounts["stripe"].book.sessions[first.session].status == "expired"
    assert world.accounts["paddle"].book.sessions[second.session].status == "open"


def test_f05_the_answer_to_a_command_can_contest_what_an_event_has_told() -> None:
    """Two changes of one second: the provider is asked which counts, whatever brought the second one."""
    world = stage("stripe")
    checkout = started(world, offer="app:pro")
    account = world.accounts["stripe"]
    world.pass_time(5 * SECOND)
    pay(account, account.book.sessions[checkout.session])
    delivered(world)
    world.pass_time(5 * SECOND)
    (row,) = world.read(world.store.rows(SubscriptionRow))
    for number, name in enumerate(("cancel", "uncancel")):
        asked(
            world,
            lambda billing, name=name, number=number: getattr(billing.subscriptions, name)(
                "ana", row.key, idempotency_key=f"wish-{number}"
            ),
        )
    delivered(world)
    world.pass_time(3 * SECOND)
    world.run(world.work())
    (row,) = world.read(world.store.rows(SubscriptionRow))
    assert (row.cancel_at, row.contested) == (None, False)
    assert world.read(world.store.rows(CaseRow)) == []


def test_f05_a_look_up_that_comes_too_early_is_repeated() -> None:
    """A machine whose clock is ahead asks before the second is over: the answer settles nothing yet."""
    world = stage("stripe")
    checkout = started(world, offer="app:pro")
    account = world.accounts["stripe"]
    world.pass_time(5 * SECOND)
    pay(account, account.book.sessions[checkout.session])
    delivered(world)
    world.clock.set_to(Instant(world.clock.now() // SECOND * SECOND + 5 * SECOND))
    (row,) = world.read(world.store.rows(SubscriptionRow))
    (one,) = account.book.subscriptions.values()
    changing.cancel(account, one, at_period_end=True)
    changing.uncancel(account, one)
    delivered(world)
    ahead = world.processes[0].billing.webhooks
    ahead._clock = ManualClock(Instant(world.clock.now() + 60 * SECOND))
    world.run(world.work())
    assert [case.kind for case in world.read(world.store.rows(CaseRow))] == ["contested"]
    world.clock.advance(seconds=3)
    ahead._clock.advance(seconds=10)
    world.run(world.work())
    (row,) = world.read(world.store.rows(SubscriptionRow))
    assert (row.cancel_at, row.contested) == (None, False)
    assert world.read(world.store.rows(CaseRow)) == []


@pytest.mark.parametrize("ask", ["consume", "use"])
def test_f38_f60_of_two_that_ask_under_one_key_for_the_last_both_are_told_that_it_is_done(ask: str) -> None:
    """The slower one finds nothing left because the other has taken it for both."""
    world = stage("stripe")
    give(world, 10)
    (process,) = world.processes
    store = process.billing.store
    look = store.movement

    async def wish(billing: Any) -> Any:
        if ask == "consume":
            return await billing.credits.consume("ana", "ai", 10, idempotency_key="last")
        return await billing.usage.try_use("api", 10, customer="ana", idempotency_key="last")

    async def overtaken(key: str) -> Any:
        store.movement = look  # type: ignore[method-assign]
        found = await look(key)
        first.append(world.read(wish(world.reader)))
        return found

    first: list[Any] = []
    store.movement = overtaken  # type: ignore[method-assign]
    assert asked(world, wish) == first[0]
    assert asked(world, lambda billing: billing.credits.wallet("ana", "ai")).spendable == (
        0 if ask == "consume" else 10
    )


def test_f101_what_is_claimed_under_an_id_that_was_merged_is_theirs_who_have_it_now() -> None:
    world = stage("stripe")
    checkout = started(world, customer=None)
    pay(world.accounts["stripe"], world.accounts["stripe"].book.sessions[checkout.session])
    delivered(world)
    for customer in ("ana", "bo"):
        give(world, 1, customer)
    asked(world, lambda billing: billing.customers.merge("bo", into="ana", reason="one", by="op"))
    for _ in range(2):
        asked(world, lambda billing: billing.checkout.claim(checkout.claim, customer="bo"))
    (row,) = world.read(world.store.rows(InvoiceRow))
    assert row.lane == "customer:ana"
    for customer in ("ana", "bo"):
        assert world.read(world.reader.customers.entitlements(customer)).licence("reader") == 1


def test_f101_a_refund_that_is_decided_while_its_customer_is_merged_is_shown() -> None:
    """It is looked for where it is by then, and its asker told that the money goes back."""
    world = stage("stripe")
    invoice = paid(world)
    give(world, 1, "bo")
    billing = world.processes[0].billing
    provider = billing.connections["stripe"]
    send = provider.refund

    async def merged(*request: Any, **named: Any) -> Any:
        await billing.customers.merge("ana", into="bo", reason="one", by="op")
        return await send(*request, **named)

    provider.refund = merged  # type: ignore[method-assign]
    done = asked(world, lambda one: one.invoices.refund("ana", invoice, idempotency_key="back-1"))
    (row,) = world.read(world.store.rows(RefundRow))
    assert (done.refund.key, done.refund.lane) == (row.key, "customer:bo")


# What is claimed by somebody erased; renewals that waited for their agreement; an event that was quarantined.
@pytest.mark.parametrize("seed", [7_510, 11_465, 14_369])
def test_t13_of_somebody_erased_nothing_is_kept_whenever_it_turns_out_to_be_theirs(seed: int) -> None:
    played = play(Plan(seed))
    assert not played.findings, played.plan.command()


def test_t13_an_event_that_tells_nothing_new_is_emptied_as_well() -> None:
    """It names another object than what it turned out to mean, and that was known: no fact is of it."""
    world = stage("stripe")
    invoice = paid(world)
    asked(world, lambda billing: billing.invoices.refund("ana", invoice, idempotency_key="back-1"))
    delivered(world)
    world.run(world.work())
    deliveries = world.read(world.store.deliveries())
    (bare,) = [one for one in deliveries if one.object.startswith("bare:")]
    causes = [one.cause for one in world.store.database.facts.values()]  # type: ignore[attr-defined]
    assert bare.id not in causes
    asked(world, lambda billing: billing.customers.erase("ana"))
    kept = world.read(world.store.delivery_by_id(bare.id))
    assert kept is not None
    assert (kept.state, kept.body, kept.headers) == ("done", b"", ())


# Long after they had expired their payment was refunded; their customer was merged into another.
@pytest.mark.parametrize("seed", [120_202, 149_213])
def test_f63_what_was_spent_of_credits_is_known_however_long_ago_they_expired(seed: int) -> None:
    played = play(Plan(seed))
    assert not played.findings, played.plan.command()


# Paused in the portal, or by the application, while its customer accepts: its period never ends any more.
@pytest.mark.parametrize("seed", [117_769, 120_374])
def test_a_move_ends_though_the_old_one_is_paused(seed: int) -> None:
    played = play(Plan(seed))
    assert not played.findings, played.plan.command()


def give(world: World, amount: int, customer: str = "ana") -> None:
    """Somebody is given credits that never expire."""
    asked(
        world,
        lambda billing: billing.credits.grant(customer, "ai", amount, idempotency_key=f"gift-{customer}"),
    )


def who_pays_for_another() -> list[str]:
    """Bo pays for ana's subscription, and a renewal is the first that is heard of it: what is found."""
    world = stage("paddle")
    account = world.accounts["paddle"]
    page = started(world, offer="app:pro", email="ana@example.com")
    started(world, customer="bo", email="bo@example.com", idempotency_key="cart-1")
    (bo,) = [one.id for one in account.book.payers.values() if one.email == "bo@example.com"]
    pay(account, account.book.sessions[page.session], Twist(payer=bo))
    world.carts[0].twisted = True
    world.pass_time(32 * DAY)
    (post,) = world.posts.values()
    post.collect()
    renewal = list(account.book.invoices)[-1].encode()
    told = [one for one in post.waiting if renewal in one.body]
    assert told
    for one in told:
        world.run(world.deliver(post, one))
    return ended(world)


def test_a_renewal_that_somebody_else_pays_goes_where_its_agreement_goes() -> None:
    assert who_pays_for_another() == []


def test_it_is_noticed_where_a_renewal_goes_to_who_pays_it() -> None:
    with planted("gives-agreements-to-who-pays-for-them"):
        assert any("(I3, I10)" in one for one in who_pays_for_another())
