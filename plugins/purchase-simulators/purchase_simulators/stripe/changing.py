"""Changes of what a subscription sells: https://docs.stripe.com/billing/subscriptions/change."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import billing, standing
from . import metadata as meta
from .book import Book
from .charging import Outcome, card_error
from .collecting import collect, invoice_pages, method_of
from .composing import Ask, Draft, wait
from .forms import Params
from .objects.catalog import Price
from .objects.invoices import Invoice
from .objects.subscriptions import PendingUpdate, Subscription, SubscriptionItem
from .prorating import full_drafts, period_after, proration_drafts, unit_amount
from .refusal import invalid
from .renewing import listed, live_discounts

BEHAVIORS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
PRORATIONS = ("create_prorations", "always_invoice", "none")
ITEMS_MAX = 20


class ItemParams(Params, frozen=True, kw_only=True):
    """`items[]`. Without the id of a known item, another one is added."""

    id: str | None = None
    price: str | None = None
    quantity: int | None = None
    deleted: bool = False
    metadata: meta.Asked = UNSET


@attrs.frozen
class Plan:
    """A change, worked out and not made. `resets`: the billing cycle begins anew."""

    items: tuple[SubscriptionItem, ...]
    drafts: Sequence[Draft]
    at: int
    resets: bool


def check_words(payment_behavior: str, proration_behavior: str) -> None:
    """Raise Refusal unless these are words that Stripe knows."""
    if payment_behavior not in BEHAVIORS:
        raise invalid(f"Invalid payment_behavior: must be one of {', '.join(BEHAVIORS)}", "payment_behavior")
    if proration_behavior not in PRORATIONS:
        raise invalid(f"Invalid proration_behavior: must be one of {', '.join(PRORATIONS)}",
                      "proration_behavior")  # fmt: skip


def plan(
    book: Book, subscription: Subscription, asked: Sequence[ItemParams], *, prorate: bool, at: int | None,
    resets: bool = False,
) -> Plan:  # fmt: skip
    """What becomes of the items, and what that costs now."""
    when = book.now() if at is None else at
    first = subscription.items.data[0]
    if not first.current_period_start <= when <= first.current_period_end:
        raise invalid("Cannot specify a proration date outside of the current period.", "proration_date")
    items = _items(book, subscription, asked)
    resets = resets or items[0].price.recurring != first.price.recurring
    trial = subscription.status == "trialing"
    drafts: list[Draft] = []
    if prorate and not trial:
        drafts = proration_drafts(book, subscription, items, when)
    if resets and not trial:
        drafts = [one for one in drafts if one.amount < 0]
        items = tuple(
            replace(one, current_period_start=when, current_period_end=period_after(when, one.price, when))
            for one in items
        )
        drafts += full_drafts(book, items, subscription.currency)
    return Plan(items, drafts, when, resets and not trial)


def make(
    book: Book, subscription: Subscription, planned: Plan, *, payment_behavior: str, proration_behavior: str
) -> Subscription:
    """Make a change: pay for it first, or owe it, as the payment behaviour says."""
    changed = replace(
        subscription,
        items=listed(subscription, planned.items),
        billing_cycle_anchor=planned.at if planned.resets else subscription.billing_cycle_anchor,
    )
    if not (planned.resets or proration_behavior == "always_invoice") or not planned.drafts:
        wait(book, subscription, planned.drafts)
        return changed
    ask = ask_for(book, changed, planned)
    invoice = billing.finalize(book, billing.draft(book, ask), invoice_pages(book))
    if invoice.status == "paid" or subscription.collection_method != "charge_automatically":
        return replace(changed, latest_invoice=invoice.id)
    if payment_behavior == "default_incomplete":
        return replace(changed, latest_invoice=invoice.id, status="past_due")
    return _charged(book, subscription, changed, invoice, payment_behavior)


def ask_for(book: Book, changed: Subscription, planned: Plan, *, created: bool = True) -> Ask:
    """The invoice of a change."""
    return Ask(
        customer=changed.customer,
        currency=changed.currency,
        reason="subscription_update",
        drafts=planned.drafts,
        discounts=live_discounts(book, changed),
        taxed=changed.automatic_tax.enabled,
        subscription=changed,
        proration_date=planned.at,
        created=created,
    )


def _charged(
    book: Book, before: Subscription, changed: Subscription, invoice: Invoice, payment_behavior: str
) -> Subscription:
    outcome = collect(book, invoice, method_of(book, invoice), present=False)
    if outcome in (Outcome.PAID, Outcome.PROCESSING):
        return replace(changed, latest_invoice=invoice.id)
    if payment_behavior == "error_if_incomplete":
        intent = billing.intent_of(book, invoice)
        raise card_error(book, intent.id if intent else "", keeps=False)
    if payment_behavior == "pending_if_incomplete":
        expires = book.now() + standing.INCOMPLETE_SECONDS
        book.plan(expires, standing.expire_update, before.id)
        return replace(
            before,
            latest_invoice=invoice.id,
            pending_update=PendingUpdate(expires_at=expires, subscription_items=changed.items.data),
        )
    return replace(changed, latest_invoice=invoice.id, status="past_due")


def _items(
    book: Book, subscription: Subscription, asked: Sequence[ItemParams]
) -> tuple[SubscriptionItem, ...]:
    items = {one.id: one for one in subscription.items.data}
    first = subscription.items.data[0]
    for place, one in enumerate(asked):
        param = f"items[{place}]"
        if one.id is not None and one.id not in items:
            raise invalid(f"Item {one.id} is none of subscription {subscription.id}.", f"{param}[id]",
                          "resource_missing")  # fmt: skip
        if one.deleted:
            items.pop(one.id or "", None)
            continue
        price = book.get(Price, one.price, f"{param}[price]") if one.price else None
        if one.id is None and price is None:
            raise invalid(f"Missing required param: {param}[price].", f"{param}[price]", "parameter_missing")
        if price is not None:
            _check_price(book, subscription, price, param)
            if any(known.price.id == price.id and known.id != one.id for known in items.values()):
                raise invalid("Cannot add multiple subscription items with the same plan.", f"{param}[price]")
        if one.quantity is not None and one.quantity < 0:
            raise invalid("Invalid non-negative integer", f"{param}[quantity]", "parameter_invalid_integer")
        known = items.get(one.id or "") or _new_item(book, subscription, first, price)
        items[known.id] = replace(
            known,
            price=price or known.price,
            quantity=known.quantity if one.quantity is None else one.quantity,
            metadata=meta.merged(known.metadata, one.metadata),
        )
    if not 1 <= len(items) <= ITEMS_MAX:
        raise invalid(f"A subscription has 1 to {ITEMS_MAX} items.", "items")
    return tuple(items.values())


def _check_price(book: Book, subscription: Subscription, price: Price, param: str) -> None:
    if price.recurring is None:
        raise invalid("The price specified is set to `type=one_time` but this field only accepts prices with "
                      "`type=recurring`.", f"{param}[price]")  # fmt: skip
    if not price.active:
        raise invalid("The price specified is inactive. This field only accepts active prices.",
                      f"{param}[price]")  # fmt: skip
    unit_amount(book, price, subscription.currency, f"{param}[price]")


def _new_item(
    book: Book, subscription: Subscription, like: SubscriptionItem, price: Price | None
) -> SubscriptionItem:
    return SubscriptionItem(
        id=book.new_id(SubscriptionItem),
        created=book.now(),
        current_period_end=like.current_period_end,
        current_period_start=like.current_period_start,
        price=price or like.price,
        subscription=subscription.id,
    )


def given(value: object) -> bool:
    """Whether a parameter was given at all."""
    return not isinstance(value, UnsetType)


# What a call that waits for its payment can change, and nothing else:
# https://docs.stripe.com/billing/subscriptions/pending-updates-reference
PENDING_ALLOWED = frozenset({"items", "proration_behavior", "proration_date", "payment_behavior", "trial_end",
                             "billing_cycle_anchor", "expand", "off_session"})  # fmt: skip
