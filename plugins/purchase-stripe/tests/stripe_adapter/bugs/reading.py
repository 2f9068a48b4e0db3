"""Bugs of reading: what a payload is taken for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
import pytest
from msgspec.structs import replace

from purchase_core.facts.bodies import InvoiceSeen, RefundSeen, SubscriptionSeen
from purchase_core.ports.provider import Event, Normalised
from purchase_stripe import adapter, normalise, reference
from purchase_stripe.adapter import StripeProvider
from purchase_stripe.config import API_VERSION
from stripe_adapter import test_stripe_reading as reading_tests
from stripe_adapter.test_stripe_normalise import assert_as_ever

from . import BUGS


def golden(name: str) -> tuple[str, Callable[[], None]]:
    """A golden payload as what must catch a bug."""
    return f"golden {name}", partial(assert_as_ever, name)


def reads_otherwise(patch: pytest.MonkeyPatch, name: str, change: Callable[[Any], Any]) -> None:
    """Pass what a function of the reader returns through a change."""
    genuine = getattr(normalise, name)
    patch.setattr(normalise, name, lambda *given, **named: change(genuine(*given, **named)))


def means_also(patch: pytest.MonkeyPatch, **more: Any) -> None:
    """Let more types of events mean something. A dot in a type is written `__` here."""
    types = {name.replace("__", "."): meaning for name, meaning in more.items()}
    patch.setattr(adapter, "MEANING", {**normalise.MEANING, **types})


def answers_otherwise(patch: pytest.MonkeyPatch, table: str, words: Mapping[str, str]) -> None:
    """Take some of Stripe's words for other ones of ours."""
    patch.setattr(normalise, table, {**getattr(normalise, table), **words})


@BUGS.caught_by(*golden("invoice_finalized_ignored"))
def tells_bills_before_they_are_paid(patch: pytest.MonkeyPatch) -> None:
    """A bill that was only just finalized is told, within the second of its payment."""
    means_also(patch, invoice__finalized=normalise.invoice)


@BUGS.caught_by("what_is_not_paid_is_owed_since_it_was_asked_for")
def counts_what_is_asked_for_as_paid(patch: pytest.MonkeyPatch) -> None:
    """An open bill of a working subscription is as good as paid."""

    def paid(body: InvoiceSeen) -> InvoiceSeen:
        return replace(body, status="paid", paid=body.total) if body.status == "open" else body

    reads_otherwise(patch, "_invoice", paid)


@BUGS.caught_by(*golden("session_waiting"))
def takes_complete_for_paid(patch: pytest.MonkeyPatch) -> None:
    """Who has come to the end of the page has paid; slow methods have not."""
    answers_otherwise(patch, "PAYMENT", {"unpaid": "paid"})


@BUGS.caught_by("a_trial_is_confirmed_and_not_paid")
def takes_nothing_due_for_unpaid(patch: pytest.MonkeyPatch) -> None:
    """A session with nothing to pay is one that was not paid."""
    answers_otherwise(patch, "PAYMENT", {"no_payment_required": "unpaid"})


@BUGS.caught_by(*golden("subscription_incomplete_ignored"))
def tells_subscriptions_that_have_not_begun(patch: pytest.MonkeyPatch) -> None:
    """A subscription whose first payment is not there yet is told as it stands."""

    def told(payload: Any, order: Any, connection: Any) -> Normalised:
        begun = {**payload, "status": "active"} if payload.get("status") == "incomplete" else payload
        return normalise.subscription(begun, order, connection)

    means_also(patch, customer__subscription__created=told)


@BUGS.caught_by(*golden("subscription_cancelling_instant"))
def looks_at_the_flag_only(patch: pytest.MonkeyPatch) -> None:
    """`cancel_at` without `cancel_at_period_end` is no cancellation; the portal's are."""
    genuine = normalise._subscription

    def read(document: Any, connection: Any) -> SubscriptionSeen:
        flagged = document.cancel_at_period_end
        return genuine(document if flagged else replace(document, cancel_at=None), connection)

    patch.setattr(normalise, "_subscription", read)


@BUGS.caught_by("a_cancellation_at_the_end_of_the_period_keeps_it_until_then")
def takes_what_ends_for_ended(patch: pytest.MonkeyPatch) -> None:
    """A cancellation that is scheduled has happened."""

    def ended(body: SubscriptionSeen) -> SubscriptionSeen:
        return replace(body, status="canceled") if body.cancel_at else body

    reads_otherwise(patch, "_subscription", ended)


@BUGS.caught_by(*golden("subscription_not_collecting"))
def overlooks_pauses_of_the_collection(patch: pytest.MonkeyPatch) -> None:
    """The status says it all, and it is active."""
    reads_otherwise(patch, "_subscription", lambda body: replace(body, collecting=True))


@BUGS.caught_by(*golden("subscription_pending"))
def takes_pending_changes_for_made(patch: pytest.MonkeyPatch) -> None:
    """The items of a change that nobody has paid for are the new ones."""
    genuine = normalise._subscription

    def read(document: Any, connection: Any) -> SubscriptionSeen:
        body = genuine(document, connection)
        if document.pending_update is None:
            return body
        return replace(body, items=tuple(replace(one, unit_amount=2_400) for one in body.items))

    patch.setattr(normalise, "_subscription", read)


@BUGS.caught_by("a_renewal_is_a_payment_of_its_own")
def takes_renewals_for_first_payments(patch: pytest.MonkeyPatch) -> None:
    """Every bill of a subscription answers its checkout."""
    answers_otherwise(patch, "REASON", {"subscription_cycle": "first"})


@BUGS.caught_by(*golden("invoice_once"))
def knows_no_first_payment_of_a_purchase(patch: pytest.MonkeyPatch) -> None:
    """The bill of what is paid once is one that somebody wrote by hand."""
    reads_otherwise(
        patch,
        "_invoice",
        lambda body: replace(body, reason="manual" if not body.subscription else body.reason),
    )


@BUGS.caught_by(*golden("invoice_change"))
def overlooks_prorations(patch: pytest.MonkeyPatch) -> None:
    """A credit for the rest of a period is a line like any other."""
    reads_otherwise(patch, "lines_of", lambda lines: tuple(replace(one, proration=False) for one in lines))


@BUGS.caught_by("what_costs_more_is_charged_for_the_rest_of_the_period")
def loses_the_sign_of_credits(patch: pytest.MonkeyPatch) -> None:
    """Amounts are what they are, and not less than nothing."""
    reads_otherwise(
        patch, "lines_of", lambda lines: tuple(replace(one, amount=abs(one.amount)) for one in lines)
    )


@BUGS.caught_by("a_discount_lowers_what_is_due_and_not_the_price")
def tells_lines_before_discounts(patch: pytest.MonkeyPatch) -> None:
    """The amount of a line is that of the document."""

    def whole(lines: Any) -> Any:
        return tuple(replace(one, amount=one.unit_amount * one.quantity) for one in lines)

    reads_otherwise(patch, "lines_of", whole)


@BUGS.caught_by("f65_amounts_are_minor_units_of_their_currency")
def counts_cents_where_there_are_none(patch: pytest.MonkeyPatch) -> None:
    """Every amount is divided by a hundred somewhere, and multiplied somewhere else."""

    def hundredfold(body: InvoiceSeen) -> InvoiceSeen:
        factor = 100 if body.currency == "JPY" else 1
        return replace(body, paid=body.paid * factor, total=body.total * factor)

    reads_otherwise(patch, "_invoice", hundredfold)


@BUGS.caught_by("tax_is_told_apart_from_the_price")
def tells_the_total_as_the_line(patch: pytest.MonkeyPatch) -> None:
    """What was paid is what the line came to."""

    def whole(body: InvoiceSeen) -> InvoiceSeen:
        return replace(body, lines=tuple(replace(one, amount=body.total) for one in body.lines))

    reads_otherwise(patch, "_invoice", whole)


@BUGS.caught_by("f55_refunds_in_part_are_refunds_of_their_own")
def takes_refunds_for_steps_of_one(patch: pytest.MonkeyPatch) -> None:
    """A refund is known by its invoice, and the second one takes the first one's place."""

    def merged(body: Any) -> Any:
        return replace(body, id=f"re_{body.invoice}") if isinstance(body, RefundSeen) else body

    reads_otherwise(patch, "_of_invoice", merged)


@BUGS.caught_by(*golden("fetched_refund_pending"))
def takes_pending_refunds_for_done(patch: pytest.MonkeyPatch) -> None:
    """A refund that was asked for has been made."""
    answers_otherwise(patch, "REFUND", {"pending": "succeeded"})


@BUGS.caught_by("f56_a_refund_that_comes_back_has_failed")
def knows_no_refund_that_fails(patch: pytest.MonkeyPatch) -> None:
    """A refund that has succeeded has succeeded."""
    answers_otherwise(patch, "REFUND", {"failed": "succeeded"})


@BUGS.caught_by("a_dispute_that_is_lost_keeps_it")
def takes_every_closed_dispute_for_won(patch: pytest.MonkeyPatch) -> None:
    """What is closed holds nothing back."""
    answers_otherwise(patch, "DISPUTE", {"lost": "won"})


@BUGS.caught_by("an_inquiry_holds_nothing_back")
def takes_inquiries_for_disputes(patch: pytest.MonkeyPatch) -> None:
    """Whatever a bank says, the money is gone."""
    answers_otherwise(patch, "DISPUTE", {"warning_needs_response": "open"})


@BUGS.caught_by(*golden("fetched_dispute_appealed"))
def knows_no_appeals(patch: pytest.MonkeyPatch) -> None:
    """A word that is newer than the adapter means what the last one did."""
    answers_otherwise(patch, "DISPUTE", {"appeal_under_review": "lost", "appeal_needs_response": "lost"})


@BUGS.caught_by("f30_a_damaged_event_is_malformed_or_understood")
def reads_fields_that_may_be_missing(patch: pytest.MonkeyPatch) -> None:
    """An event that lacks a field raises what dictionaries raise, and is answered with 500 for days."""
    genuine = normalise._convert

    def convert(payload: Any, kind: Any, name: str) -> Any:
        assert payload["object"] == payload["metadata"].get("object", payload["object"])
        return genuine(payload, kind, name)

    patch.setattr(normalise, "_convert", convert)


@BUGS.caught_by(
    "test_f31_a_list_that_is_cut_off_is_looked_up", reading_tests.test_f31_a_list_that_is_cut_off_is_looked_up
)
def reads_the_first_ten_lines(patch: pytest.MonkeyPatch) -> None:
    """`has_more` of a nested list is passed over."""

    def cut(payload: Any, order: Any, connection: Any) -> Normalised:
        return normalise.invoice(
            {**payload, "lines": {**payload["lines"], "has_more": False}}, order, connection
        )

    means_also(patch, invoice__paid=cut)


@BUGS.caught_by(
    "test_f30_an_event_of_another_version_is_looked_up",
    partial(reading_tests.test_f30_an_event_of_another_version_is_looked_up, "2020-08-27"),
)
def reads_every_version_alike(patch: pytest.MonkeyPatch) -> None:
    """An event of another version is read as one of ours."""
    genuine = StripeProvider.normalise

    def read(self: StripeProvider, event: Event) -> Normalised:
        return genuine(self, attrs.evolve(event, api_version=API_VERSION))

    patch.setattr(StripeProvider, "normalise", read)


@BUGS.caught_by("f34_only_our_own_reference_counts")
def believes_any_metadata(patch: pytest.MonkeyPatch) -> None:
    """A reference is ours, whatever project it is of."""
    genuine = reference.ours

    def ours(metadata: Any, connection: Any) -> Any:
        said = dict(metadata or {})
        known = {"project": connection.project, "environment": connection.environment}
        return genuine({**said, **{f"purchase_{name}": value for name, value in known.items()}}, connection)

    patch.setattr(reference, "ours", ours)
