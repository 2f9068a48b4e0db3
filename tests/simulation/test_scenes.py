"""Scenes that the simulator plays by chance, played on purpose: faults by name."""

from __future__ import annotations

from typing import Any

import pytest

from purchase_core.errors import OutcomeUnknown
from purchase_core.facts.rows import InvoiceRow, LotRow, SubscriptionRow
from purchase_core.instants import DAY, HOUR, SECOND
from purchase_core.testing.simulation import moving
from purchase_core.testing.simulation.faults import Faults
from purchase_core.testing.simulation.provider import changing
from purchase_core.testing.simulation.provider.selling import pay
from purchase_core.testing.simulation.world import World

from .stage import asked, delivered, ended, stage, started

EMAIL = "ana@example.com"


def losing(world: World, operation: str) -> None:
    """The next answers to an operation are lost, once it is done."""
    (name,) = world.accounts
    provider: Any = world.processes[0].billing.connections[name]
    send = getattr(provider, operation)

    async def lost(*request: Any, **named: Any) -> Any:
        await send(*request, **named)
        raise OutcomeUnknown("no answer")

    setattr(provider, operation, lost)


def found_again(world: World) -> None:
    """Answers arrive again."""
    world.processes[0].die()
    world.mend()


def test_f51_what_cannot_be_found_yet_is_not_given_up() -> None:
    """Absence is proof only after a quiet time: what was made a moment ago may not be found yet."""
    world = stage("paddle")
    account = world.accounts["paddle"]
    account.lag_seconds = 600
    losing(world, "create_checkout")
    with pytest.raises(OutcomeUnknown):
        started(world, email=EMAIL)
    found_again(world)
    world.pass_time(300 * SECOND)
    with pytest.raises(OutcomeUnknown, match="not to be found at paddle yet"):
        started(world, email=EMAIL)
    world.pass_time(301 * SECOND)
    assert [started(world, email=EMAIL).session] == list(account.book.sessions)


def test_f51_a_refund_that_cannot_be_found_yet_is_not_sent_again() -> None:
    world = stage("paddle")
    account = world.accounts["paddle"]
    checkout = started(world, email=EMAIL)
    pay(account, account.book.sessions[checkout.session])
    delivered(world)
    account.lag_seconds = 600
    (row,) = world.read(world.store.rows(InvoiceRow))

    def refund(billing: Any) -> Any:
        return billing.invoices.refund("ana", row.key, amount=500, idempotency_key="back")

    losing(world, "refund")
    with pytest.raises(OutcomeUnknown):
        asked(world, refund)
    found_again(world)
    for _ in range(2):
        world.pass_time(250 * SECOND)
        with pytest.raises(OutcomeUnknown):
            asked(world, refund)
    world.pass_time(200 * SECOND)
    assert asked(world, refund).refund.amount == 500
    assert [one.amount for one in account.book.refunds.values()] == [500]


def test_f72_two_periods_that_begin_on_one_day_are_two_and_each_counts_once() -> None:
    """A renewal is known by its bill, not by the day on which it was told."""
    world = stage("stripe")
    account = world.accounts["stripe"]
    checkout = started(world, offer="app:pro")
    world.pass_time(5 * SECOND)
    pay(account, account.book.sessions[checkout.session])
    (one,) = account.book.subscriptions.values()
    for _ in range(2):
        world.pass_time(2 * HOUR)
        changing.pause(account, one, collection_only=False)
        world.pass_time(5 * SECOND)
        changing.resume(account, one, new_period=True)
    delivered(world)
    for sent in list(world.posts["stripe"].taken.values()):
        world.pass_time(25 * HOUR // len(world.posts["stripe"].taken))  # told again, on two days
        world.run(world.deliver(world.posts["stripe"], sent))
    rows = world.read(world.store.rows(InvoiceRow))
    assert sorted(row.reason for row in rows) == ["first", "renewal", "renewal"]
    assert [row.granted for row in world.read(world.store.rows(LotRow))] == [100, 100, 100]
    (row,) = world.read(world.store.rows(SubscriptionRow))
    assert (row.status, row.period_start) == ("active", one.period_start)
    assert ended(world) == []


def test_f38_f44_two_tabs_and_two_processes_open_one_page() -> None:
    world = stage("paddle")
    world.processes.append(world._process(1))
    told: list[Any] = []
    wish: dict[str, Any] = {
        "customer": "ana", "offer": "book:full", "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart", "idempotency_key": "cart-0", "email": EMAIL,
    }  # fmt: skip
    tabs = [
        world.activity(
            lambda one: one.billing.checkout.start(**wish), lambda *outcome: told.append(outcome), process
        )
        for process in world.processes
        for _ in range(2)
    ]
    world.run(*tabs)
    assert len(told) == 4
    answers = {result.session for result, error in told if error is None}
    assert all(isinstance(error, OutcomeUnknown) for _, error in told if error is not None)
    assert answers == set(world.accounts["paddle"].book.sessions)
    assert len(answers) == 1


def test_f89_an_event_that_nobody_understands_delays_no_other() -> None:
    world = stage("stripe")
    account = world.accounts["stripe"]
    checkout = started(world)
    world.pass_time(5 * SECOND)
    pay(account, account.book.sessions[checkout.session])
    world.posts["stripe"].collect()
    poison = next(
        sent.id for sent in world.posts["stripe"].waiting if sent.type == "checkout.session.completed"
    )
    world.poisoned.add(poison)
    world.processes[0].trouble.faults = Faults.NONE
    delivered(world)
    world.run(world.work())
    assert world.read(world.reader.customers.entitlements("ana")).licence("reader") == 1
    row = world.read(world.store.delivery("stripe", poison))
    assert row is not None
    assert row.state == "pending"
    assert ended(world) == []


def test_whoever_accepts_a_move_is_billed_on_one_side_at_a_time() -> None:
    world = stage("stripe", "paddle")
    page = started(world, offer="app:pro", email=EMAIL)
    pay(world.accounts["stripe"], world.accounts["stripe"].book.sessions[page.session])
    delivered(world)
    begun = moving.migrate(world)
    assert begun is not None
    world.run(begun)
    world.pass_time(70 * SECOND)
    world.run(world.work())
    moved = asked(world, lambda billing: billing.migrations.page("ana", email=EMAIL))
    pay(world.accounts["paddle"], world.accounts["paddle"].book.sessions[moved.session])
    (old,) = world.accounts["stripe"].book.subscriptions.values()
    (new,) = world.accounts["paddle"].book.subscriptions.values()
    world.pass_time(old.period_end - world.clock.now())
    assert ended(world) == []
    assert (old.status, old.ended_at) == ("canceled", old.period_end)
    assert new.trial_end is not None
    assert 0 <= new.trial_end - old.period_end < DAY


def test_where_nobody_accepts_a_move_the_old_one_goes_on() -> None:
    world = stage("paddle", "stripe")
    page = started(world, offer="app:pro", email=EMAIL)
    pay(world.accounts["paddle"], world.accounts["paddle"].book.sessions[page.session])
    delivered(world)
    begun = moving.migrate(world)
    assert begun is not None
    world.run(begun)
    (old,) = world.accounts["paddle"].book.subscriptions.values()
    world.pass_time(70 * SECOND)
    world.run(world.work())
    assert old.cancel_at == old.period_end
    world.pass_time(old.period_end - world.clock.now() - DAY)
    world.run(world.work())
    assert old.status == "active"
    assert not world.read(world.store.rows(SubscriptionRow))[0].cancel_at
    assert not world.accounts["stripe"].book.subscriptions
