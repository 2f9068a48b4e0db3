"""How a subscription begins: https://docs.stripe.com/api/subscriptions/create."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import billing, changing, standing
from . import metadata as meta
from .book import Book
from .call import Answered, Call
from .changing import ItemParams
from .charging import Outcome, card_error
from .collecting import collect, invoice_pages, method_of
from .composing import Ask
from .customers import attach, method_for
from .forms import Params
from .objects.catalog import Price
from .objects.customers import Customer
from .objects.subscriptions import (
    EndBehavior,
    Subscription,
    SubscriptionItem,
    SubscriptionTax,
    TrialSettings,
)
from .objects.thing import Metadata, WireList
from .prorating import full_drafts, period_after, unit_amount
from .refusal import invalid
from .renewing import spend_once, watch
from .terms import TRIAL_DAYS_MAX, DiscountParams, EnabledParams, TrialParams, discounts, missing_method


class MakeSubscription(Params, frozen=True, kw_only=True):
    """POST /v1/subscriptions."""

    customer: str
    items: list[ItemParams]
    currency: str | None = None
    default_payment_method: str | None = None
    payment_behavior: str = "allow_incomplete"
    proration_behavior: str = "create_prorations"
    collection_method: str = "charge_automatically"
    trial_period_days: int | None = None
    trial_end: int | Literal["now"] | None = None
    trial_settings: TrialParams | None = None
    automatic_tax: EnabledParams | None = None
    discounts: list[DiscountParams] = []
    cancel_at_period_end: bool = False
    off_session: bool = False
    metadata: meta.Asked = UNSET


def begin(
    book: Book,
    customer: Customer,
    prices: list[tuple[Price, int]],
    currency: str,
    *,
    metadata: Metadata,
    trial_end: int | None = None,
    missing_payment_method: str = "create_invoice",
    taxed: bool = False,
    method: str | None = None,
    status: str = "incomplete",
) -> Subscription:
    """A subscription whose first invoice is still to be made; nobody has been told of it."""
    now = book.now()
    identifier = book.new_id(Subscription)
    ends = trial_end or 0
    items = tuple(
        SubscriptionItem(
            id=book.new_id(SubscriptionItem),
            created=now,
            current_period_end=ends or period_after(now, price, now),
            current_period_start=now,
            price=price,
            quantity=quantity,
            subscription=identifier,
        )
        for price, quantity in prices
    )
    settings = TrialSettings(end_behavior=EndBehavior(missing_payment_method=missing_payment_method))
    return Subscription(
        id=identifier,
        automatic_tax=SubscriptionTax(enabled=taxed, liability={"type": "self"} if taxed else None),
        billing_cycle_anchor=ends or now,
        created=now,
        currency=currency,
        customer=customer.id,
        default_payment_method=method,
        items=WireList(data=items, url=f"/v1/subscription_items?subscription={identifier}"),
        metadata=metadata,
        start_date=now,
        status="trialing" if trial_end else status,
        test_clock=customer.test_clock,
        trial_end=trial_end,
        trial_settings=settings,
        trial_start=now if trial_end else None,
    )


def first_ask(book: Book, subscription: Subscription) -> Ask:
    """The first invoice of a subscription."""
    trial = subscription.status == "trialing"
    return Ask(
        customer=subscription.customer,
        currency=subscription.currency,
        reason="subscription_create",
        drafts=full_drafts(book, subscription.items.data, subscription.currency, free=trial),
        discounts=subscription.discounts,
        taxed=subscription.automatic_tax.enabled,
        subscription=subscription,
    )


def make_subscription(call: Call) -> Answered:
    """Without a checkout: its payment is tried now, and may leave it incomplete for 23 hours."""
    asked, book = call.params(MakeSubscription), call.book
    changing.check_words(asked.payment_behavior, asked.proration_behavior)
    customer = book.get(Customer, asked.customer, "customer")
    prices = [_asked_price(book, one, place) for place, one in enumerate(asked.items)]
    if not prices:
        raise invalid("Missing required param: items.", "items", "parameter_missing")
    currency = (asked.currency or prices[0][0].currency).lower()
    for place, (price, _) in enumerate(prices):
        unit_amount(book, price, currency, f"items[{place}][price]")
    method = None
    if asked.default_payment_method:
        method = attach(
            book, method_for(book, asked.default_payment_method, "default_payment_method"), customer.id
        ).id
    subscription = begin(
        book,
        customer,
        prices,
        currency,
        metadata=meta.merged({}, asked.metadata),
        trial_end=_trial_end(book, asked.trial_period_days, asked.trial_end),
        method=method,
        missing_payment_method=missing_method(asked.trial_settings),
        taxed=bool(asked.automatic_tax and asked.automatic_tax.enabled),
    )
    subscription = replace(
        subscription,
        collection_method=asked.collection_method,
        discounts=discounts(book, subscription, asked.discounts),
    )
    book.made("customer.subscription.created", subscription)
    invoice = billing.finalize(book, billing.draft(book, first_ask(book, subscription)), invoice_pages(book))
    subscription = replace(book.get(Subscription, subscription.id), latest_invoice=invoice.id)
    if invoice.status == "paid" and subscription.status == "incomplete":
        subscription = replace(subscription, status="active")
    book.changed("customer.subscription.updated", spend_once(book, subscription))
    if invoice.status == "open" and asked.payment_behavior != "default_incomplete":
        outcome = collect(book, invoice, method_of(book, invoice), present=not asked.off_session)
        if (
            outcome not in (Outcome.PAID, Outcome.PROCESSING)
            and asked.payment_behavior == "error_if_incomplete"
        ):
            intent = billing.intent_of(book, invoice)
            raise card_error(book, intent.id if intent else "", keeps=False)
    subscription = book.get(Subscription, subscription.id)
    if subscription.status == "incomplete":
        book.plan(book.now() + standing.INCOMPLETE_SECONDS, standing.expire_incomplete, subscription.id)
    watch(book, subscription)
    return subscription


def _asked_price(book: Book, one: ItemParams, place: int) -> tuple[Price, int]:
    param = f"items[{place}][price]"
    if one.price is None:
        raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
    price = book.get(Price, one.price, param)
    if price.recurring is None or not price.active:
        raise invalid("The price specified must be active and recurring.", param)
    return price, 1 if one.quantity is None else one.quantity


def _trial_end(book: Book, days: int | None, end: int | str | None) -> int | None:
    if days is not None and end is not None:
        raise invalid("You may only specify one of trial_end and trial_period_days.", "trial_end")
    if days is not None:
        if not 0 <= days <= TRIAL_DAYS_MAX:
            raise invalid(f"A trial has at most {TRIAL_DAYS_MAX} days.", "trial_period_days")
        return book.now() + days * DAY // SECOND if days else None
    return end if isinstance(end, int) else None
