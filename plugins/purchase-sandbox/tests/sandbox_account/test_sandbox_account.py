"""The account: calendars, failed charges, changes, refunds, and events by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import attrs
import pytest

from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, HOUR, SECOND, Instant, instant, to_datetime
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import refunds, subscriptions
from purchase_sandbox.account.billing import RETRY_DAYS
from purchase_sandbox.account.objects import Invoice, Refund, Session, Subscription, Thing
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.account.trigger import TRIGGERS
from purchase_sandbox.sandbox import Sandbox

from .shop import START, Shop


def days_of(invoices: list[Invoice]) -> list[str]:
    return [f"{to_datetime(one.lines[0].period_start or Instant(0)):%m-%d}" for one in invoices]


def test_f69_periods_are_counted_from_the_anchor_so_month_ends_do_not_drift() -> None:
    shop = Shop()
    shop.subscribe()
    shop.advance(days=150)
    assert days_of(shop.invoices()) == ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30"]
    ends = [one.lines[0].period_end for one in shop.invoices()]
    starts = [one.lines[0].period_start for one in shop.invoices()]
    assert ends[:-1] == starts[1:]


def test_f70_a_year_from_a_leap_day() -> None:
    shop = Shop(instant(datetime(2028, 2, 29, tzinfo=UTC)))
    shop.subscribe(shop.price(interval="year"))
    shop.advance(days=4 * 366)
    assert days_of(shop.invoices()) == ["02-29", "02-28", "02-28", "02-28", "02-29"]


def test_what_falls_due_happens_at_its_own_instant_whenever_somebody_looks() -> None:
    one, two = Shop(), Shop()
    for shop in (one, two):
        shop.subscribe()
        shop.session(shop.price(900))
    one.advance(days=90)
    for _ in range(90):
        two.advance(days=1)
    assert [event.body for event in one.book.events] == [event.body for event in two.book.events]


def test_stamps_are_unique_and_equal_to_their_events() -> None:
    shop = Shop()
    shop.subscribe(trial_days=3)
    shop.advance(days=70)
    stamps = [event.created for event in shop.book.events]
    assert stamps == sorted(set(stamps))
    for event in shop.book.events:
        body = json.loads(event.body)
        assert body["created"] == body["data"]["object"]["updated"] == event.created


def test_a_trial_ends_in_a_charge_and_anchors_the_calendar() -> None:
    shop = Shop()
    trial = shop.subscribe(trial_days=14)
    assert (trial.status, shop.invoices()[0].total, shop.invoices()[0].lines[0].trial) == (
        "trialing",
        0,
        True,
    )
    shop.advance(days=14)
    running = shop.now(trial)
    assert (running.status, running.period_start) == ("active", trial.trial_end)
    assert [one.total for one in shop.invoices()] == [0, 1_200]
    shop.advance(days=60)
    assert days_of(shop.invoices()) == ["01-31", "02-14", "03-14", "04-14"]


def test_a_session_expires_at_its_own_instant_and_takes_no_money_then() -> None:
    shop = Shop()
    session = shop.session(shop.price(), expires_at=shop.clock.now() + 3_600 * SECOND)
    shop.clock.set_to(Instant(session.expires_at - 1))
    shop.sandbox.catch_up()
    assert shop.book.get(Session, session.id).status == "open"
    shop.clock.set_to(session.expires_at)
    with pytest.raises(Refusal) as refused:
        shop.account.pay(session.id, "pays")
    assert refused.value.code == "wrong_state"
    expired = shop.book.get(Session, session.id)
    assert (expired.status, expired.updated) == ("expired", session.expires_at)
    assert shop.invoices() == []


def test_f45_a_session_is_paid_once() -> None:
    shop = Shop()
    session = shop.session(shop.price(500, None))
    shop.account.pay(session.id, "pays")
    with pytest.raises(Refusal):
        shop.account.pay(session.id, "pays")
    assert [one.amount_paid for one in shop.invoices()] == [500]


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("declined", "card_declined"),
        ("insufficient_funds", "insufficient_funds"),
        ("expired_card", "expired_card"),
        ("challenge", "authentication_required"),
        ("no such card", "invalid_request"),
    ],
)
def test_a_card_that_does_not_pay_leaves_the_session_open(card: str, code: str) -> None:
    shop = Shop()
    session = shop.session(shop.price())
    with pytest.raises(Refusal) as refused:
        shop.account.pay(session.id, card)
    assert refused.value.code == code
    assert (shop.book.get(Session, session.id).status, shop.invoices()) == ("open", [])
    shop.account.pay(session.id, "challenge", authenticated=True)
    assert shop.book.get(Session, session.id).last_error is None


def test_a_renewal_that_fails_is_tried_again_and_then_given_up() -> None:
    shop = Shop()
    bought = shop.subscribe(card="fails_later")
    shop.advance(days=28)
    failed = shop.invoices()[1]
    assert (shop.now(bought).status, failed.status, failed.attempts) == ("past_due", "open", 1)
    assert failed.next_attempt_at == bought.period_end + RETRY_DAYS[0] * DAY
    for number, days in enumerate(RETRY_DAYS, start=2):
        assert shop.now(bought).status == "past_due"
        shop.advance(days=days)
        assert shop.invoices()[1].attempts == number
    assert (shop.now(bought).status, shop.invoices()[1].status) == ("canceled", "uncollectible")
    assert shop.now(bought).ended_at == bought.period_end + sum(RETRY_DAYS) * DAY
    shop.advance(days=60)
    assert len(shop.invoices()) == 2


def test_a_better_card_heals_a_failed_renewal() -> None:
    shop = Shop()
    bought = shop.subscribe(card="fails_later")
    shop.advance(days=28)
    TRIGGERS["payment.recovered"](shop.book, "")
    assert (shop.now(bought).status, shop.invoices()[1].amount_paid) == ("active", 1_200)
    shop.advance(days=31)
    assert [one.status for one in shop.invoices()] == ["paid", "paid", "paid"]


def test_an_upgrade_is_charged_for_what_is_left_of_the_period() -> None:
    shop = Shop(instant(datetime(2026, 4, 1, tzinfo=UTC)))
    bought = shop.subscribe()
    shop.advance(days=15)
    changed = shop.change(bought, shop.price(3_600).id, 2)
    bill = shop.invoices()[-1]
    assert (bill.billing_reason, bill.status) == ("subscription_update", "paid")
    assert [line.proration for line in bill.lines] == [True, True]
    assert bill.total == sum(line.amount for line in bill.lines) == bill.amount_paid
    assert abs(bill.total - (7_200 - 1_200) // 2) <= 1
    assert (changed.period_end, changed.items[0].quantity) == (bought.period_end, 2)
    shop.advance(days=15)
    assert shop.invoices()[-1].total == 7_200


def test_a_downgrade_pays_nothing_out_and_another_interval_begins_anew() -> None:
    shop = Shop()
    bought = shop.subscribe()
    shop.change(bought, shop.price(300).id, 1)
    assert len(shop.invoices()) == 1
    shop.advance(days=3)
    yearly = shop.change(bought, shop.price(9_000, "year").id, 1)
    assert yearly.period_start == shop.invoices()[-1].lines[1].period_start
    assert to_datetime(yearly.period_end).year == 2027
    for wrong in (shop.price(500, None), shop.price(500, currency="EUR")):
        with pytest.raises(Refusal):
            shop.change(bought, wrong.id, 1)


def test_a_change_that_cannot_be_paid_changes_nothing() -> None:
    shop = Shop()
    bought = shop.subscribe(card="fails_later")
    events = shop.book.newest_event()
    dear = shop.price(9_000)
    with pytest.raises(Refusal) as refused:
        shop.change(bought, dear.id, 1)
    assert refused.value.status == 402
    assert shop.now(bought).items == bought.items
    assert shop.book.newest_event() == events + 1  # the price


def test_cancelling_voids_what_is_open() -> None:
    shop = Shop()
    bought = shop.subscribe(card="fails_later")
    shop.advance(days=28)
    subscriptions.cancel(shop.book, bought.id, at_period_end=False)
    assert (shop.now(bought).status, shop.invoices()[1].status) == ("canceled", "void")
    with pytest.raises(Refusal):
        subscriptions.cancel(shop.book, bought.id, at_period_end=True)
    with pytest.raises(Refusal):
        subscriptions.uncancel(shop.book, bought.id)


def test_i06_refunds_never_exceed_what_was_paid() -> None:
    shop = Shop()
    shop.subscribe()
    invoice = shop.invoices()[0].id
    refunds.refund(shop.book, invoice, 700)
    with pytest.raises(Refusal):
        refunds.refund(shop.book, invoice, 501)
    assert refunds.refund(shop.book, invoice, None).amount == 500
    for amount in (None, 1):
        with pytest.raises(Refusal):
            refunds.refund(shop.book, invoice, amount)
    assert sum(one.amount for one in shop.book.all(Refund)) == 1_200


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("checkout.paid", ["invoice.paid", "checkout.session.completed"]),
        ("checkout.expired", ["checkout.session.expired"]),
        ("payment.failed", ["invoice.payment_failed", "subscription.renewed"]),
        ("subscription.renewed", ["invoice.paid", "subscription.renewed"]),
        ("subscription.canceled", ["subscription.canceled"]),
        ("refund.created", ["refund.created"]),
    ],
)
def test_an_event_by_hand_really_happens(trigger: str, expected: list[str]) -> None:
    shop = Shop()
    shop.subscribe()
    shop.session(shop.price(500, None))
    before = shop.book.newest_event()
    TRIGGERS[trigger](shop.book, "")
    assert [one.type for one in shop.book.events_since(before)] == expected


def test_an_event_by_hand_needs_something_to_happen_to() -> None:
    shop = Shop()
    for trigger in TRIGGERS.values():
        with pytest.raises(Refusal):
            trigger(shop.book, "")


def test_metadata_travels_to_everything_that_a_checkout_makes() -> None:
    shop = Shop()
    shop.subscribe()
    shop.advance(days=40)
    refunds.refund(shop.book, shop.invoices()[1].id, 100)
    made: list[Thing] = [*shop.book.all(Subscription), *shop.invoices(), *shop.book.all(Refund)]
    assert len(made) == 4
    assert {one.metadata["purchase_intent"] for one in made} == {"intent_1"}


def test_the_clock_follows_its_base_and_only_ever_gains() -> None:
    base = ManualClock(START)
    sandbox = Sandbox(clock=base, ids=SeededIds(1))
    sandbox.advance(3 * HOUR)
    assert sandbox.clock.now() == START + 3 * HOUR
    base.advance(seconds=5)
    assert sandbox.clock.now() == START + 3 * HOUR + 5 * SECOND
    stamp = sandbox.clock.stamp()
    base.set_to(START)  # set back, as real clocks are
    assert sandbox.clock.now() == stamp
    assert sandbox.clock.stamp() == stamp + 1


def test_objects_do_not_change_under_those_who_hold_them() -> None:
    shop = Shop()
    bought = shop.subscribe()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        bought.status = "canceled"  # type: ignore[misc]
