"""Pausing a subscription itself, and going on: https://docs.stripe.com/billing/subscriptions/pause.

`POST /v1/subscriptions/{id}/pause` is new in 2026-09-30.endive; see `exceptions.toml`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import billing, changing
from .book import Book
from .call import Answered, Call, Routes
from .collecting import collect, invoice_pages, method_of
from .composing import Ask, pending_drafts, wait
from .forms import Params
from .objects.invoices import Invoice
from .objects.subscriptions import Subscription
from .objects.thing import Json
from .prorating import full_drafts, period_after, proration_drafts
from .refusal import wrong_state
from .renewing import listed, live_discounts, watch
from .subscriptions import AnchorParams

RESUME_SECONDS = 23 * 3_600


class FromParams(Params, frozen=True, kw_only=True):
    """`bill_for[unused_time_from]`."""

    type: Literal["item_current_period_start", "none", "now"]


class ThroughParams(Params, frozen=True, kw_only=True):
    """`bill_for[outstanding_usage_through]`."""

    type: Literal["none", "now"]


class BillFor(Params, frozen=True, kw_only=True):
    """`bill_for`: what is settled when the pause begins."""

    unused_time_from: FromParams | UnsetType = UNSET
    outstanding_usage_through: ThroughParams | UnsetType = UNSET


class Pause(Params, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}/pause."""

    type: Literal["subscription"] = "subscription"
    invoicing_behavior: Literal["invoice", "pending_invoice_item"] = "pending_invoice_item"
    bill_for: BillFor = BillFor()


class Resume(Params, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}/resume."""

    billing_cycle_anchor: AnchorParams | UnsetType = UNSET
    payment_behavior: Literal["resume_on_payment_attempt", "resume_on_payment_success"] = (
        "resume_on_payment_attempt"
    )
    proration_behavior: Literal["always_invoice", "create_prorations", "none"] = "create_prorations"
    proration_date: int | None = None


def pause(call: Call) -> Answered:
    """At once, and without an end. What is unused goes back, unless it is said otherwise."""
    asked, book = call.params(Pause), call.book
    subscription = book.get(Subscription, call.id)
    if subscription.status not in ("active", "trialing", "past_due"):
        raise wrong_state(f"You can't pause a subscription that is {subscription.status}.")
    if subscription.schedule:
        raise wrong_state("You can't pause a subscription that is managed by a subscription schedule.")
    unused = asked.bill_for.unused_time_from
    if isinstance(unused, UnsetType) or unused.type != "none":
        start = isinstance(unused, UnsetType) or unused.type == "now"
        at = book.now() if start else subscription.items.data[0].current_period_start
        _credit(book, subscription, at, now=asked.invoicing_behavior == "invoice")
    details: Json = {
        "paused": {
            "subscription": {"type": "pause_requested"},
            "transitioned_at": book.now(),
            "type": "subscription",
        }
    }
    paused = replace(book.get(Subscription, subscription.id), status="paused", status_details=details)
    book.changed("customer.subscription.paused", paused)
    book.tell("customer.subscription.updated", paused)
    return paused


def resume(call: Call) -> Answered:
    """With a new period, which is paid now, or with the cycle as it was."""
    asked, book = call.params(Resume), call.book
    subscription = book.get(Subscription, call.id)
    if subscription.status != "paused":
        raise wrong_state(f"You can't resume a subscription that is {subscription.status}.")
    if subscription.collection_method != "charge_automatically":
        raise wrong_state("You can only resume subscriptions with collection_method=charge_automatically.")
    anchor = asked.billing_cycle_anchor
    fresh = isinstance(anchor, UnsetType) or anchor.type == "now"
    subscription = replace(subscription, status_details=UNSET)
    now = book.now()
    if not fresh and subscription.items.data[0].current_period_end > now:
        return _resumed(book, subscription)
    start = now if fresh else subscription.billing_cycle_anchor
    items = tuple(
        replace(one, current_period_start=now, current_period_end=period_after(now, one.price, start))
        for one in subscription.items.data
    )
    subscription = book.put(
        replace(subscription, billing_cycle_anchor=start, items=listed(subscription, items), trial_end=None)
    )
    return _billed(book, subscription, asked)


def give_up(book: Book, identifier: str) -> None:
    """A resumption was not paid within 23 hours: its invoice is void, and the subscription stays paused."""
    subscription = book.get(Subscription, identifier)
    invoice = book.find(Invoice, subscription.latest_invoice or "")
    if subscription.status == "paused" and invoice is not None and invoice.status == "open":
        billing.void(book, invoice)


def _billed(book: Book, subscription: Subscription, asked: Resume) -> Subscription:
    ask = Ask(
        customer=subscription.customer,
        currency=subscription.currency,
        reason="subscription_update",
        drafts=[
            *pending_drafts(book, subscription),
            *full_drafts(book, subscription.items.data, subscription.currency),
        ],
        discounts=live_discounts(book, subscription),
        taxed=subscription.automatic_tax.enabled,
        subscription=subscription,
    )
    invoice = billing.finalize(book, billing.draft(book, ask), invoice_pages(book))
    subscription = book.put(replace(subscription, latest_invoice=invoice.id))
    if invoice.status == "paid":
        return _resumed(book, subscription)
    collect(book, invoice, method_of(book, invoice), present=False)
    after = book.get(Subscription, subscription.id)
    if after.status == "paused" and asked.payment_behavior == "resume_on_payment_success":
        book.plan(book.now() + RESUME_SECONDS, give_up, subscription.id)
        return after
    if after.status == "paused":
        return _resumed(book, replace(after, status="past_due"))
    watch(book, after)
    return after


def _resumed(book: Book, subscription: Subscription) -> Subscription:
    status = subscription.status if subscription.status == "past_due" else "active"
    resumed = replace(subscription, status=status)
    book.changed("customer.subscription.resumed", resumed)
    book.tell("customer.subscription.updated", resumed)
    watch(book, resumed)
    return resumed


def _credit(book: Book, subscription: Subscription, at: int, *, now: bool) -> None:
    gone = tuple(replace(one, quantity=0) for one in subscription.items.data)
    drafts = [one for one in proration_drafts(book, subscription, gone, at) if one.amount < 0]
    if subscription.status == "trialing" or not drafts:
        return
    if now:
        ask = changing.ask_for(book, subscription, changing.Plan(gone, drafts, at, resets=False))
        invoice = billing.finalize(book, billing.draft(book, ask), invoice_pages(book))
        book.put(replace(subscription, latest_invoice=invoice.id))
    else:
        wait(book, subscription, drafts)


ROUTES: Routes = (
    ("POST", "/v1/subscriptions/{id}/pause", pause),
    ("POST", "/v1/subscriptions/{id}/resume", resume),
)
