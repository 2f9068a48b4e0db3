"""What becomes of a sale in the account: changes, pauses, discounts, approvals and disputes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from purchase_core.identifiers import SeededIds
from purchase_core.instants import DAY, instant
from purchase_core.testing.clocks import ManualClock
from purchase_sandbox.account import changes, checkout, making, pauses, refunds, subscriptions
from purchase_sandbox.account.cards import GOOD_CARD, NO_CARD
from purchase_sandbox.account.objects import Customer, Dispute, Invoice, Refund, Session, Subscription
from purchase_sandbox.account.refusal import Refusal
from purchase_sandbox.account.requests import (
    ChangeSubscription,
    MakeCustomer,
    MakeDiscount,
    MakePrice,
    MakeSession,
    PauseSubscription,
)
from purchase_sandbox.account.trigger import TRIGGERS
from purchase_sandbox.sandbox import Sandbox

START = instant(datetime(2026, 4, 1, tzinfo=UTC))


class Shop:
    """An account with one customer, and what a shop would do with it."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.sandbox = Sandbox(clock=self.clock, ids=SeededIds(3))
        self.account = self.sandbox.open_account("acct_1")
        self.book = self.account.book
        self.customer = making.make_customer(self.book, MakeCustomer()).id

    def price(self, amount: int = 1_200, interval: str = "month") -> str:
        request = MakePrice(product_name="App Pro", unit_amount=amount, currency="USD", interval=interval)
        return making.make_price(self.book, request).id

    def session(self, **more: object) -> Session:
        fields: dict[str, object] = {"mode": "subscription", "price": self.price(), "customer": self.customer}
        pages = {"success_url": "http://127.0.0.1/thanks", "cancel_url": "http://127.0.0.1/pricing"}
        request = MakeSession(**{**fields, **pages, **more})  # type: ignore[arg-type]
        return checkout.open_session(self.book, request, self.sandbox.checkout_page())

    def subscribe(self, card: str = GOOD_CARD, **more: object) -> Subscription:
        paid = self.account.pay(self.session(**more).id, card)
        return self.book.get(Subscription, paid.subscription or "")

    def change(self, bought: Subscription, price: str, **more: object) -> Subscription:
        request = ChangeSubscription(price=price, **more)  # type: ignore[arg-type]
        return changes.change(self.book, bought.id, request)

    def now(self, bought: Subscription) -> Subscription:
        return self.book.get(Subscription, bought.id)

    def advance(self, days: int) -> None:
        self.clock.set_to(self.sandbox.clock.now())
        self.clock.advance(days=days)
        self.sandbox.catch_up()

    def totals(self) -> list[int]:
        return [one.total for one in self.book.all(Invoice)]


# --- changes -------------------------------------------------------------------------------------


def test_what_is_left_over_of_a_change_is_taken_off_the_next_bills() -> None:
    shop = Shop()
    bought = shop.subscribe()
    assert shop.change(bought, shop.price(400)).balance == -800
    shop.advance(30)
    assert (shop.totals(), shop.now(bought).balance) == ([1_200, 0], -400)
    shop.advance(31)
    assert (shop.totals(), shop.now(bought).balance) == ([1_200, 0, 0], 0)
    shop.advance(30)
    assert shop.totals() == [1_200, 0, 0, 400]


def test_what_is_left_over_pays_for_the_next_change_too() -> None:
    shop = Shop()
    bought = shop.subscribe()
    shop.change(bought, shop.price(400))
    assert shop.change(bought, shop.price(2_400)).balance == 0
    assert shop.totals() == [1_200, 1_200]


def test_a_preview_holds_for_two_days_of_one_period() -> None:
    shop = Shop()
    bought, dear = shop.subscribe(), shop.price(2_400)
    shop.advance(15)
    shown = changes.preview(shop.book, bought.id, ChangeSubscription(price=dear))
    assert (shown.due_now, shown.credit, shown.renewal, shown.renews_at) == (600, 0, 2_400, bought.period_end)
    shop.advance(3)
    for wrong in (shown.as_of, bought.period_start - 1, shop.clock.now() + DAY):
        with pytest.raises(Refusal, match="preview"):
            shop.change(bought, dear, as_of=wrong)
    fresh = changes.preview(shop.book, bought.id, ChangeSubscription(price=dear))
    shop.advance(2)
    shop.change(bought, dear, as_of=fresh.as_of)
    assert shop.totals()[-1] == fresh.due_now == 480


def test_another_interval_begins_and_is_charged_at_once_or_with_the_next_period() -> None:
    shop = Shop()
    bought, yearly = shop.subscribe(), shop.price(9_000, "year")
    for later in ("next_invoice", "none"):
        with pytest.raises(Refusal, match="interval"):
            shop.change(bought, yearly, proration=later)
    shop.change(bought, yearly, at_period_end=True)
    shop.advance(31)
    after = shop.now(bought)
    assert (after.period_start, after.index, after.next_items) == (bought.period_end, 0, ())
    assert after.period_end == instant(datetime(2027, 5, 1, tzinfo=UTC)) + bought.anchor - START
    assert shop.totals() == [1_200, 9_000]


def test_a_later_change_takes_the_place_of_a_planned_one() -> None:
    shop = Shop()
    bought = shop.subscribe()
    shop.change(bought, shop.price(600), at_period_end=True)
    changed = shop.change(bought, shop.price(2_400), proration="none")
    assert (changed.next_items, changed.next_items_at) == ((), None)
    shop.advance(30)
    assert shop.totals() == [1_200, 2_400]


# --- pauses --------------------------------------------------------------------------------------


def test_a_pause_that_ends_by_itself_goes_on_or_begins_anew() -> None:
    shop = Shop()
    short, long = shop.subscribe(), shop.subscribe()
    for bought, days in ((short, 10), (long, 90)):
        request = PauseSubscription(resumes_at=shop.clock.now() + days * DAY)
        assert pauses.pause(shop.book, bought.id, request).status == "paused"
    shop.advance(11)
    assert (shop.now(short).status, shop.now(short).period_end) == ("active", short.period_end)
    assert len(shop.totals()) == 2
    shop.advance(80)
    begun = shop.now(long)
    assert (begun.status, begun.index, begun.resumes_at) == ("active", 0, None)
    assert START + 90 * DAY <= begun.period_start < START + 91 * DAY


def test_what_cannot_be_paused_or_resumed_is_refused() -> None:
    shop = Shop()
    bought = shop.subscribe()
    with pytest.raises(Refusal):
        pauses.resume(shop.book, bought.id, new_period=True)
    for wrong in (
        PauseSubscription(resumes_at=1),
        PauseSubscription(at_period_end=True, collection_only=True),
    ):
        with pytest.raises(Refusal):
            pauses.pause(shop.book, bought.id, wrong)
    pauses.pause(shop.book, bought.id, PauseSubscription())
    with pytest.raises(Refusal):
        pauses.pause(shop.book, bought.id, PauseSubscription())
    with pytest.raises(Refusal, match="paused"):
        shop.change(bought, shop.price(600))


def test_periods_go_on_while_nothing_is_collected_and_so_does_a_cancellation() -> None:
    shop = Shop()
    bought = shop.subscribe()
    pauses.pause(shop.book, bought.id, PauseSubscription(collection_only=True))
    shop.advance(70)
    assert (shop.totals(), shop.now(bought).status, shop.now(bought).index) == ([1_200], "active", 2)
    subscriptions.cancel(shop.book, bought.id, at_period_end=True)
    shop.advance(31)
    assert (shop.totals(), shop.now(bought).status) == ([1_200], "canceled")


# --- discounts, guests and trials ----------------------------------------------------------------


def test_a_code_is_one_discounts_and_counts_where_it_is_taken() -> None:
    shop = Shop()
    making.make_discount(shop.book, MakeDiscount(25, "SAVE"))
    with pytest.raises(Refusal):
        making.make_discount(shop.book, MakeDiscount(50, "SAVE"))
    session = shop.session(promotion_codes=True)
    with pytest.raises(Refusal) as unknown:
        shop.account.pay(session.id, GOOD_CARD, code="OTHER")
    assert unknown.value.code == checkout.UNKNOWN_CODE
    shop.account.pay(session.id, GOOD_CARD, code="SAVE")
    with pytest.raises(Refusal):
        shop.account.pay(shop.session().id, GOOD_CARD, code="SAVE")
    shop.advance(31)
    assert shop.totals() == [900, 1_200]


def test_a_guest_becomes_a_customer_by_paying() -> None:
    shop = Shop()
    session = shop.session(customer=None, email="guest@example.com")
    assert session.customer is None
    bought = shop.book.get(Subscription, shop.account.pay(session.id, GOOD_CARD).subscription or "")
    assert bought.customer != shop.customer
    assert shop.book.get(Customer, bought.customer).email == "guest@example.com"


def test_a_trial_without_a_card_ends_in_dunning_unless_a_card_comes() -> None:
    shop = Shop()
    session = shop.session(trial_days=14, card_required=False)
    with pytest.raises(Refusal):
        shop.account.pay(shop.session(trial_days=14).id, NO_CARD)
    bought = shop.book.get(Subscription, shop.account.pay(session.id, NO_CARD).subscription or "")
    shop.advance(15)
    assert shop.now(bought).status == "past_due"
    TRIGGERS["payment.recovered"](shop.book, bought.id)
    assert (shop.now(bought).status, shop.totals()) == ("active", [0, 1_200])
    with pytest.raises(Refusal):
        shop.session(card_required=False)


# --- money back ----------------------------------------------------------------------------------


def test_a_refund_waits_where_somebody_has_to_agree() -> None:
    shop = Shop()
    shop.subscribe()
    shop.book.refund_approval = True
    bill = next(iter(shop.book.all(Invoice)))
    made = refunds.refund(shop.book, bill.id, 1_000)
    with pytest.raises(Refusal):
        refunds.refund(shop.book, bill.id, 201)
    for trigger, status in (("refund.rejected", "rejected"), ("refund.approved", "succeeded")):
        TRIGGERS[trigger](shop.book, made.id)
        assert shop.book.get(Refund, made.id).status == status
        with pytest.raises(Refusal):
            refunds.decide(shop.book, made.id, approved=True)
        made = refunds.refund(shop.book, bill.id, 1_000 if status == "rejected" else 200)
    TRIGGERS["refund.approved"](shop.book, "")
    TRIGGERS["refund.failed"](shop.book, "")
    assert [one.status for one in shop.book.all(Refund)] == ["rejected", "succeeded", "failed"]
    assert refunds.refund(shop.book, bill.id, None).amount == 200


def test_a_dispute_moves_as_disputes_do() -> None:
    shop = Shop()
    shop.subscribe()
    for trigger in ("dispute.won", "dispute.lost"):
        with pytest.raises(Refusal):
            TRIGGERS[trigger](shop.book, "")
    for status in ("inquiry", "opened", "won", "opened", "lost", "opened"):
        TRIGGERS[f"dispute.{status}"](shop.book, "")
    with pytest.raises(Refusal):
        TRIGGERS["dispute.inquiry"](shop.book, "")
    (dispute,) = shop.book.all(Dispute)
    assert (dispute.status, dispute.amount) == ("open", 1_200)
