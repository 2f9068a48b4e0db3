"""Bugs of reading: what a payload is taken for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from adapter import test_paddle_normalise as normalise_tests
from purchase_core.facts.bodies import InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.instants import Instant
from purchase_paddle import documents, normalise
from purchase_paddle.adapter import PaddleProvider

from . import BUGS


def golden(name: str) -> tuple[str, Callable[[], None]]:
    """A golden payload as what must catch a bug."""
    return f"golden {name}", partial(normalise_tests.assert_as_ever, name)


def reads_otherwise(patch: pytest.MonkeyPatch, name: str, change: Callable[[Any], Any]) -> None:
    """Pass what a function of the reader returns through a change; None stays None."""
    genuine = getattr(normalise, name)

    def read(*given: Any, **named: Any) -> Any:
        found = genuine(*given, **named)
        return found if found is None else change(found)

    patch.setattr(normalise, name, read)


def answers_otherwise(patch: pytest.MonkeyPatch, table: str, words: dict[Any, str]) -> None:
    """Take some of Paddle's words for other ones of ours."""
    patch.setattr(normalise, table, {**getattr(normalise, table), **words})


@BUGS.caught_by(
    "test_f16_another_event_about_the_same_state_is_the_same_fact",
    normalise_tests.test_f16_another_event_about_the_same_state_is_the_same_fact,
)
def orders_by_the_event(patch: pytest.MonkeyPatch) -> None:
    """A state is as old as the event that tells of it."""
    genuine = PaddleProvider.normalise

    def read(self: PaddleProvider, event: Any) -> Any:
        if event.type not in normalise.TYPES:
            return genuine(self, event)
        entity = event.type.partition(".")[0]
        return normalise.normalised(entity, event.payload, event.occurred_at, self.connection)

    patch.setattr(PaddleProvider, "normalise", read)


@BUGS.caught_by(
    "test_f14_a_recurring_payment_is_told_once_it_has_its_subscription",
    normalise_tests.test_f14_a_recurring_payment_is_told_once_it_has_its_subscription,
)
def tells_paid_before_it_is_completed(patch: pytest.MonkeyPatch) -> None:
    """A recurring payment is told while Paddle is still making its subscription."""
    genuine = normalise._invoice

    def read(document: Any, intent: str) -> InvoiceSeen | None:
        early = document.status == "paid" and document.subscription_id is None
        return genuine(replace(document, status="completed") if early else document, intent)

    patch.setattr(normalise, "_invoice", read)


@BUGS.caught_by("a_checkout_that_nobody_paid_tells_no_payment")
def takes_ready_for_complete(patch: pytest.MonkeyPatch) -> None:
    """Who has said where they live has bought it."""
    answers_otherwise(patch, "SESSION", {"ready": "complete", "draft": "complete"})


@BUGS.caught_by(
    "test_f46_money_that_is_on_its_way_is_not_there",
    normalise_tests.test_f46_money_that_is_on_its_way_is_not_there,
)
def counts_what_is_on_its_way(patch: pytest.MonkeyPatch) -> None:
    """A payment that was begun is a bill that was paid."""
    genuine = normalise._invoice

    def read(document: Any, intent: str) -> InvoiceSeen | None:
        begun = any(one.status.startswith("pending") for one in document.payments)
        return genuine(replace(document, status="completed") if begun else document, intent)

    patch.setattr(normalise, "_invoice", read)


@BUGS.caught_by("a_trial_is_confirmed_and_not_paid")
def takes_a_trial_for_paid(patch: pytest.MonkeyPatch) -> None:
    """A transaction that is complete has been paid."""
    reads_otherwise(
        patch, "_session", lambda body: replace(body, payment="paid") if body.status == "complete" else body
    )


@BUGS.caught_by(*golden("transaction_method_change_ignored"))
def bills_a_new_card(patch: pytest.MonkeyPatch) -> None:
    """A transaction of nothing, which only changes a payment method, is a bill."""
    patch.setattr(normalise, "METHOD_CHANGE", "never")


@BUGS.caught_by("a_renewal_is_a_payment_of_its_own")
def takes_renewals_for_first_payments(patch: pytest.MonkeyPatch) -> None:
    """Every bill answers the checkout whose custom_data it has inherited."""
    answers_otherwise(patch, "REASON", {"subscription_recurring": "first"})


@BUGS.caught_by("f65_amounts_are_minor_units_of_their_currency")
def counts_cents_where_there_are_none(patch: pytest.MonkeyPatch) -> None:
    """Amounts are hundredths, in yen too."""

    def hundredfold(body: InvoiceSeen) -> InvoiceSeen:
        factor = 100 if body.currency == "JPY" else 1
        return replace(body, paid=body.paid * factor, total=body.total * factor)

    reads_otherwise(patch, "_invoice", hundredfold)


@BUGS.caught_by(
    "test_a_price_that_holds_the_tax_is_told_as_it_was_sold",
    normalise_tests.test_a_price_that_holds_the_tax_is_told_as_it_was_sold,
)
def always_tells_lines_without_tax(patch: pytest.MonkeyPatch) -> None:
    """The unit amount is net, whatever the price holds."""

    def net(lines: Any) -> Any:
        return tuple(replace(one, unit_amount=one.unit_amount * 5 // 6) for one in lines)

    reads_otherwise(patch, "lines_of", net)


@BUGS.caught_by(*golden("transaction_completed_change"))
def overlooks_prorations(patch: pytest.MonkeyPatch) -> None:
    """A part of a period is a period."""
    reads_otherwise(patch, "lines_of", lambda lines: tuple(replace(one, proration=False) for one in lines))


@BUGS.caught_by("a_discount_lowers_what_is_due_and_not_the_price")
def tells_lines_before_discounts(patch: pytest.MonkeyPatch) -> None:
    """The amount of a line is its price."""

    def whole(lines: Any) -> Any:
        return tuple(replace(one, amount=one.unit_amount * one.quantity) for one in lines)

    reads_otherwise(patch, "lines_of", whole)


@BUGS.caught_by("a_cancellation_at_the_end_of_the_period_keeps_it_until_then")
def overlooks_scheduled_changes(patch: pytest.MonkeyPatch) -> None:
    """What is going to happen has not happened, and is not told."""
    reads_otherwise(patch, "_subscription", lambda body: replace(body, cancel_at=None))


@BUGS.caught_by(*golden("subscription_paused"))
def takes_paused_for_active(patch: pytest.MonkeyPatch) -> None:
    """Whoever is not cancelled goes on."""

    def active(body: SubscriptionSeen) -> SubscriptionSeen:
        return replace(body, status="active") if body.status == "paused" else body

    reads_otherwise(patch, "_subscription", active)


@BUGS.caught_by("f56_a_refund_is_pending_until_it_is_approved")
def takes_pending_refunds_for_done(patch: pytest.MonkeyPatch) -> None:
    """A refund that was asked for is as good as made; Paddle has not agreed to it."""
    answers_otherwise(patch, "REFUND", {"pending_approval": "succeeded"})


@BUGS.caught_by("f56_a_refund_that_is_rejected_gives_nothing_back")
def never_hears_of_rejections(patch: pytest.MonkeyPatch) -> None:
    """A refund that was rejected is still under way."""
    answers_otherwise(patch, "REFUND", {"rejected": "pending"})


@BUGS.caught_by("f55_refunds_in_part_are_refunds_of_their_own")
def takes_refunds_for_steps_of_one(patch: pytest.MonkeyPatch) -> None:
    """A refund is known by its transaction, and the second takes the first one's place."""
    genuine = RefundSeen

    def seen(**fields: Any) -> Any:
        return genuine(**{**fields, "id": f"adj_{fields['invoice']}"})

    patch.setattr(normalise, "RefundSeen", seen)


@BUGS.caught_by(*golden("adjustment_credit_ignored"))
def takes_credits_for_refunds(patch: pytest.MonkeyPatch) -> None:
    """Every adjustment gives money back."""
    genuine = normalise.adjustment

    def read(document: Any, order: Instant | None, connection: Any) -> Any:
        return genuine(replace(document, action="refund"), order, connection)

    patch.setattr(normalise, "adjustment", read)


@BUGS.caught_by("a_dispute_that_is_won_gives_it_back")
def keeps_what_was_won_back(patch: pytest.MonkeyPatch) -> None:
    """A chargeback that is reversed holds the money still."""
    answers_otherwise(patch, "DISPUTE", {("chargeback", "reversed"): "open"})


@BUGS.caught_by("an_inquiry_holds_nothing_back")
def takes_warnings_for_chargebacks(patch: pytest.MonkeyPatch) -> None:
    """Whatever a bank says, the money is gone."""
    answers_otherwise(patch, "DISPUTE", {("chargeback_warning", "approved"): "open"})


@BUGS.caught_by(
    "test_times_are_read_to_the_microsecond", normalise_tests.test_times_are_read_to_the_microsecond
)
def reads_times_to_the_second(patch: pytest.MonkeyPatch) -> None:
    """What Paddle tells apart by microseconds is one instant."""
    genuine = documents.at
    patch.setattr(normalise_tests, "at", lambda time: Instant(genuine(time) // 1_000_000 * 1_000_000))
