"""What one sale's objects mean together: payments, excess, refunds, disputes, credits, cases."""

from __future__ import annotations

import itertools
import random
from typing import Any, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from purchase_core.facts.fold import canonical_hash, fold, rows_of
from purchase_core.facts.rows import (
    CaseRow,
    DisputeRow,
    IntentRow,
    InvoiceRow,
    LotRow,
    PurchaseRow,
    RefundRow,
    SubscriptionRow,
)
from purchase_core.testing.bench import mapped
from purchase_core.testing.sales import T0, VERSIONS, Sale, later
from tests.facts.sale_rows import AGAIN, BOOK, PRO, but, cases, of, paid, rows, the

TOKENS = Sale(offer="tokens:small")
TRIAL = Sale(offer="app:team")
# --- order ------------------------------------------------------------------------------------

SALE_EVENTS = (
    PRO.session("complete", at=later(seconds=3)),
    PRO.subscription("incomplete", later(seconds=1)),
    PRO.subscription("active", later(seconds=3)),
    PRO.invoice("open", later(seconds=1)),
    PRO.invoice("paid", later(seconds=2)),
    PRO.refund(100, at=later(seconds=9)),
)


def test_f04_all_orders_of_a_sales_events_end_alike() -> None:
    """`updated` before `created`, paid before opened: 720 orders, one state, and the sale stands."""
    known = mapped([PRO.placed(), PRO.tried()])
    events = mapped(SALE_EVENTS)
    hashes = {
        canonical_hash(rows_of(fold("customer:alice", [*known, *order]), VERSIONS))
        for order in itertools.permutations(events)
    }
    assert len(hashes) == 1
    subscription = the(SubscriptionRow, [*known, *events])
    assert (subscription.status, subscription.bound) == ("active", True)


@pytest.mark.parametrize("turn", [1, -1])
def test_f05_two_states_of_one_second_are_contested_until_a_later_one(turn: int) -> None:
    """Both orders give the higher state and a case; a later sighting settles it."""
    tied = [PRO.subscription("active", later(seconds=1)), PRO.subscription("past_due", later(seconds=1))][
        ::turn
    ]
    known = [PRO.placed(), PRO.tried(), PRO.invoice()]
    subscription = the(SubscriptionRow, [*known, *tied])
    assert (subscription.status, subscription.contested) == ("past_due", True)
    assert cases([*known, *tied]) == [("contested", "sub_1_1", 0)]
    settled = [*known, *tied, PRO.subscription("active", later(seconds=2))]
    assert the(SubscriptionRow, settled).status == "active"
    assert cases(settled) == []


@pytest.mark.parametrize("late", ["active", "past_due", "trialing"])
def test_f06_f16_a_late_active_cannot_wake_what_was_cancelled(late: str) -> None:
    """Not an old event delivered again, and not even a newer sighting: cancelled is final."""
    cancelled = PRO.subscription("canceled", later(days=1))
    for when in (T0, later(days=1), later(days=2)):
        facts = [*paid(PRO), cancelled, PRO.subscription(late, when)]
        for order in (facts, facts[::-1]):
            row = the(SubscriptionRow, order)
            assert (row.status, row.ended_at, row.contested) == ("canceled", later(days=1), False)


def test_f16_an_old_refund_told_again_takes_nothing_more() -> None:
    """A refund is an object; seeing it again is not a second one."""
    facts = [*paid(BOOK), BOOK.refund(500, at=later(days=1))]
    assert the(PurchaseRow, [*facts, *facts[-1:] * 3]).refunded == 500
    told_later = [*facts, BOOK.refund(500, at=later(days=9))]
    assert the(PurchaseRow, told_later).refunded == 500


def test_f14_one_payment_told_by_several_facts_counts_once() -> None:
    """Session, subscription and three sightings of the bill: one lot, one settled intent."""
    told = [PRO.subscription(at=later(seconds=n)) for n in range(3)]
    told += [PRO.invoice(at=later(seconds=n)) for n in range(3)]
    facts = [*paid(PRO), *told]
    assert the(LotRow, facts).granted == 100
    assert the(IntentRow, facts).settled_by == "invoice:stripe-eu:in_1_1"


# --- payments ---------------------------------------------------------------------------------


def test_f45_money_wins_over_an_expired_session() -> None:
    """Paid and expired, in either order: the purchase stands."""
    expired = BOOK.session("expired", at=later(seconds=5))
    for order in itertools.permutations([BOOK.placed(), BOOK.tried(), expired, BOOK.invoice()]):
        assert the(PurchaseRow, order).paid == 2_000
    withdrawn = [BOOK.placed(), BOOK.tried("withdrawn"), BOOK.invoice()]
    assert the(PurchaseRow, withdrawn).paid == 2_000


def test_f67_of_two_payments_either_may_go_back_and_what_was_bought_stays() -> None:
    """The second payment is excess; after one refund exactly what was due is left."""
    both = paid(BOOK, AGAIN)
    assert cases(both) == [("excess", "in_1_1", 2_000)]  # paid at one instant: the key decides
    for refunded in (BOOK, AGAIN):
        purchase = the(PurchaseRow, [*both, refunded.refund(2_000)])
        assert (purchase.due, purchase.paid - purchase.refunded) == (2_000, 2_000)
    assert the(PurchaseRow, [*both, BOOK.refund(2_000), AGAIN.refund(2_000)]).refunded == 4_000


def test_the_earlier_payment_is_the_answer_and_the_later_one_the_excess() -> None:
    """By the provider's time of payment, whichever was told first."""
    early = but(AGAIN.invoice(), paid_at=Sale(number=1).invoice().order - 1)
    for order in ([*paid(BOOK), AGAIN.tried(), early], [AGAIN.tried(), early, *paid(BOOK)]):
        assert the(IntentRow, order).settled_by == "invoice:paddle:in_1_2"
        assert cases(order) == [("excess", "in_1_1", 2_000)]
    lost = [*order, BOOK.dispute(2_000, "lost")]
    assert cases(lost) == []


def test_f44_a_second_subscription_of_one_order_is_excess_and_not_bound() -> None:
    """Two tabs, both paid: one agreement, two cases, and the credits of one."""
    second = attrs.evolve(PRO, attempt=2)
    facts = [*paid(PRO, second), PRO.subscription(), second.subscription()]
    assert [(row.key, row.bound) for row in of(SubscriptionRow, facts)] == [
        ("subscription:stripe-eu:sub_1_1", True),
        ("subscription:stripe-eu:sub_1_2", False),
    ]
    assert cases(facts) == [("excess", "in_1_2", 1_000), ("excess", "sub_1_2", 0)]
    assert the(LotRow, facts).granted == 100
    ended = [*facts, PRO.subscription("canceled", later(days=1))]
    assert [row.bound for row in of(SubscriptionRow, ended)] == [False, True]


def test_a_trial_binds_and_its_first_real_payment_is_a_renewal() -> None:
    """Nothing due: settled, no credits for the trial, and no mismatch when money comes at its end."""
    trial = [*paid(TRIAL), TRIAL.subscription("trialing")]
    row = the(SubscriptionRow, trial)
    assert (row.bound, row.status, of(CaseRow, trial)) == (True, "trialing", [])
    assert the(IntentRow, trial).status == "settled"
    later_on = [*trial, TRIAL.renewal(1), TRIAL.subscription("active", later(days=14), period=1)]
    assert (the(SubscriptionRow, later_on).bound, of(CaseRow, later_on)) == (True, [])


def test_a_trial_is_bound_before_its_empty_bill_is_seen_and_after_it_ended() -> None:
    """The provider's confirmation is enough, and is remembered in the first sighting."""
    confirmed = [TRIAL.placed(), TRIAL.tried(), TRIAL.subscription("trialing")]
    row = the(IntentRow, confirmed)
    assert (row.status, row.settled_by) == ("settled", "subscription:stripe-eu:sub_1_1")
    moved = but(TRIAL.subscription("active", later(days=20), period=1), trial_end=None)
    assert the(SubscriptionRow, [*confirmed, moved]).bound


@pytest.mark.parametrize("status", ["draft", "open", "void", "uncollectible", "a new one"])
def test_a_bill_that_is_not_paid_binds_nothing(status: str) -> None:
    """F46: completed and unpaid is not paid."""
    facts = [
        PRO.placed(),
        PRO.tried(),
        PRO.session(payment="unpaid"),
        PRO.subscription(),
        PRO.invoice(status),
    ]
    assert the(SubscriptionRow, facts).bound is False
    assert (the(IntentRow, facts).status, the(InvoiceRow, facts).match) == ("open", "waiting")


def test_an_uncollectible_bill_may_be_paid_after_all() -> None:
    """It is not final."""
    facts = [PRO.placed(), PRO.tried(), PRO.invoice("uncollectible", later(days=1))]
    assert the(IntentRow, [*facts, PRO.invoice(at=later(days=2))]).status == "settled"


def test_a_full_discount_that_was_allowed_is_a_purchase_of_nothing_due() -> None:
    """F46, F33: 100 % off settles, and there is nothing to take back."""
    placed = but(BOOK.placed(), discounts=True)
    free = but(BOOK.invoice(), total=0, paid=0, lines=(replace(_line(BOOK), amount=0),))
    purchase = the(PurchaseRow, [placed, BOOK.tried(), free])
    assert (purchase.due, purchase.paid) == (0, 0)


def _line(sale: Sale) -> Any:
    return cast("Any", sale.invoice().body).lines[0]


# --- refunds and disputes ---------------------------------------------------------------------


def test_f55_partial_refunds_add_up_once_each_in_any_order() -> None:
    """Three refunds, each told as pending and as done: their sum, whatever is told first."""
    refunds = [BOOK.refund(amount, name=str(amount)) for amount in (200, 300, 500)]
    pending = [BOOK.refund(amount, "pending", name=str(amount)) for amount in (200, 300, 500)]
    for order in itertools.permutations(refunds):
        assert the(PurchaseRow, [*order, *pending, *paid(BOOK)]).refunded == 1_000


@pytest.mark.parametrize(
    ("status", "refunded"), [("pending", 0), ("succeeded", 700), ("failed", 0), ("canceled", 0)]
)
def test_f56_only_a_refund_that_succeeded_has_gone_back(status: str, refunded: int) -> None:
    """A succeeded one can still fail, and then the money is there again."""
    facts = [*paid(BOOK), BOOK.refund(700, status)]
    assert the(PurchaseRow, facts).refunded == the(InvoiceRow, facts).refunded == refunded
    assert the(RefundRow, facts).status == status
    assert the(PurchaseRow, [*facts, BOOK.refund(700, "failed", later(days=1))]).refunded == 0


@pytest.mark.parametrize(
    ("outcome", "disputed", "lost"), [("open", 2_000, 0), ("won", 0, 0), ("lost", 0, 2_000)]
)
def test_f58_refund_and_dispute_of_one_charge_are_told_apart(outcome: str, disputed: int, lost: int) -> None:
    """Each order of telling, each outcome: no amount is counted under both."""
    facts = [*paid(BOOK), BOOK.refund(400), BOOK.dispute(2_000), BOOK.dispute(2_000, outcome, later(days=1))]
    for order in (facts, facts[::-1]):
        row = the(PurchaseRow, order)
        assert (row.refunded, row.disputed, row.lost) == (400, disputed, lost)
        assert the(DisputeRow, order).status == outcome


@pytest.mark.parametrize(
    ("refunded", "status", "over"),
    [(400, "open", 400), (400, "lost", 400), (400, "won", 0), (400, "inquiry", 0), (2_000, "lost", 2_000)],
)
def test_f52_f58_what_is_refunded_and_taken_by_a_bank_as_well_is_a_case(
    refunded: int, status: str, over: int
) -> None:
    """Nothing that was seen is refused: it is counted for what it is, and shown with the money at stake."""
    facts = [*paid(BOOK), BOOK.refund(refunded), BOOK.dispute(2_000, status, later(days=1))]
    for order in (facts, facts[::-1]):
        assert cases(order) == ([("overreturned", "in_1_1", over)] if over else [])
    won = [*facts, BOOK.dispute(2_000, "won", later(days=2))]
    assert cases(won) == []


def test_f52_refunds_of_more_than_was_paid_are_a_case() -> None:
    """Made at the provider's dashboard, or told wrongly."""
    refunds = [BOOK.refund(1_300, name="1"), BOOK.refund(1_300, "pending", name="2")]
    assert cases([*paid(BOOK), *refunds]) == [], "one of them may still be rejected"
    done = [*paid(BOOK), refunds[0], BOOK.refund(1_300, name="2")]
    assert cases(done) == [("overreturned", "in_1_1", 600)]
    assert (the(PurchaseRow, done).paid, the(PurchaseRow, done).refunded) == (2_000, 2_600)
    assert cases(done[-2:]) == [], "nothing is known of what was paid yet"


def test_a_lost_dispute_may_be_won_on_appeal() -> None:
    """By the provider's time, whatever the rank of the states."""
    facts = [
        *paid(BOOK),
        BOOK.dispute(2_000, "lost", later(days=1)),
        BOOK.dispute(2_000, "won", later(days=2)),
    ]
    for order in itertools.permutations(facts[-2:]):
        assert the(PurchaseRow, [*facts[:-2], *order]).lost == 0


def test_f64_a_refund_in_another_currency_is_not_subtracted_but_shown() -> None:
    """Amounts of two currencies cannot be added."""
    odd = but(BOOK.refund(2_000), currency="JPY")
    facts = [*paid(BOOK), odd]
    assert the(PurchaseRow, facts).refunded == the(InvoiceRow, facts).refunded == 0
    assert cases(facts) == [("mismatch", "re_in_1_1_1", 2_000)]
    assert cases([odd]) == []


def test_a_refund_that_comes_before_its_invoice_ends_in_the_same_state() -> None:
    """The refund waits for the invoice that it names."""
    facts = [*paid(TOKENS), TOKENS.refund(250)]
    assert rows(facts[::-1]) == rows(facts)
    assert the(RefundRow, facts[-1:]).invoice == "in_1_1"


# --- credits ----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.integers(1, 700), st.lists(st.sampled_from(("open", "won", "lost")), max_size=3).map(tuple)
        ),
        max_size=4,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_f59_a_lot_gives_back_what_is_gone_by_now_and_never_more_than_it_granted(
    parts: list[tuple[int, tuple[str, ...]]], chance: random.Random
) -> None:
    """Refunds, and disputes as they ended, whatever they were before; capped at what was due."""
    back, gone = [], 0
    for n, (amount, statuses) in enumerate(parts):
        if not statuses:
            back.append(TOKENS.refund(amount, name=str(n)))
        for seconds, status in enumerate(statuses):
            back.append(TOKENS.dispute(amount, status, later(days=1, seconds=seconds), name=str(n)))
        gone += amount if not statuses or statuses[-1] == "lost" else 0
    facts = [*paid(TOKENS), *back]
    chance.shuffle(facts)
    lot = the(LotRow, facts)
    assert (lot.granted, lot.clawed) == (500, min(500, gone))


def test_of_two_payments_the_refund_of_one_claws_nothing_back() -> None:
    """F67 for credits: the shortfall counts over all payments of the order."""
    second = attrs.evolve(TOKENS, attempt=2)
    both = paid(TOKENS, second)
    assert [(row.granted, row.clawed) for row in of(LotRow, both)] == [(500, 0)]
    for one in (TOKENS, second):
        assert [(row.granted, row.clawed) for row in of(LotRow, [*both, one.refund(500)])] == [(500, 0)]
    gone = [*both, TOKENS.refund(500), second.refund(100)]
    assert [(row.granted, row.clawed) for row in of(LotRow, gone)] == [(500, 100)]


def test_renewals_grant_and_changes_trials_and_manual_bills_do_not() -> None:
    """Credits come with a period that was paid for."""
    assert [row.granted for row in of(LotRow, [PRO.renewal(1), PRO.renewal(2)])] == [100, 100]
    assert of(LotRow, [PRO.change()]) == []
    assert of(LotRow, [but(PRO.renewal(1), reason="manual")]) == []
    assert of(LotRow, [PRO.renewal(1, "open")]) == []
    trial = replace(cast("Any", PRO.renewal(1).body).lines[0], trial=True)
    assert of(LotRow, [but(PRO.renewal(1), lines=(trial,))]) == []


def test_a_refunded_renewal_takes_back_its_own_credits_only() -> None:
    """The refund names the renewal's invoice."""
    facts = [*paid(PRO), PRO.renewal(1), PRO.renewal(2), PRO.refund(500, of="in_1_1_r1")]
    assert [(row.invoice.rpartition(":")[2], row.clawed) for row in of(LotRow, facts)] == [
        ("in_1_1", 0),
        ("in_1_1_r1", 50),
        ("in_1_1_r2", 0),
    ]


def test_quantity_multiplies_credits_and_expiry_counts_from_the_payment() -> None:
    """Two seats, two hundred credits, thirty days."""
    lot = the(LotRow, paid(Sale(quantity=2)))
    assert (lot.granted, lot.granted_at, lot.expires_at) == (200, T0, later(days=30))
    assert the(LotRow, paid(TOKENS)).expires_at is None
