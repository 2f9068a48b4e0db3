"""Subscriptions: https://docs.stripe.com/api/subscriptions."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import billing, changing, standing
from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .changing import ItemParams, given
from .collecting import collect, invoice_pages, method_of
from .composing import Ask, wait
from .customers import attach, method_for
from .discounts import redeem, usable_code, usable_coupon
from .forms import Params
from .objects.catalog import Coupon, Price
from .objects.customers import Customer
from .objects.subscriptions import (
    EndBehavior,
    PauseCollection,
    Schedule,
    Subscription,
    SubscriptionItem,
    SubscriptionTax,
    TrialSettings,
)
from .objects.thing import Metadata, WireList
from .paging import ListParams, Range, newest_first, page
from .payments import Outcome, card_error
from .prorating import full_drafts, period_after, proration_drafts, unit_amount
from .refusal import invalid, missing, wrong_state
from .renewing import listed, spend_once, watch

LIVE = ("active", "trialing", "past_due", "unpaid", "paused", "incomplete")
COLLECTING = ("void", "keep_as_draft", "mark_uncollectible")
TRIAL_DAYS_MAX = 730


class EndBehaviorParams(Params, frozen=True, kw_only=True):
    """`trial_settings[end_behavior]`."""

    missing_payment_method: Literal["cancel", "create_invoice", "pause"]


class TrialParams(Params, frozen=True, kw_only=True):
    """`trial_settings`."""

    end_behavior: EndBehaviorParams


class EnabledParams(Params, frozen=True, kw_only=True):
    """`automatic_tax`."""

    enabled: bool


class DiscountParams(Params, frozen=True, kw_only=True):
    """`discounts[]`."""

    coupon: str | None = None
    promotion_code: str | None = None
    discount: str | None = None


class PauseParams(Params, frozen=True, kw_only=True):
    """`pause_collection`."""

    behavior: str
    resumes_at: int | None = None


class AnchorParams(Params, frozen=True, kw_only=True):
    """`billing_cycle_anchor`: an object since 2026-09-30.endive."""

    type: Literal["now", "unchanged"]


class CancellationParams(Params, frozen=True, kw_only=True):
    """`cancellation_details`."""

    comment: str | None = None
    feedback: str | None = None


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


class ChangeSubscription(Params, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}."""

    items: list[ItemParams] | UnsetType = UNSET
    proration_behavior: str = "create_prorations"
    proration_date: int | None = None
    payment_behavior: str = "allow_incomplete"
    billing_cycle_anchor: AnchorParams | None = None
    cancel_at_period_end: bool | UnsetType = UNSET
    cancel_at: int | str | UnsetType | None = UNSET
    cancellation_details: CancellationParams | UnsetType = UNSET
    pause_collection: PauseParams | UnsetType | None = UNSET
    trial_end: int | Literal["now"] | UnsetType = UNSET
    trial_settings: TrialParams | UnsetType = UNSET
    default_payment_method: str | UnsetType = UNSET
    discounts: list[DiscountParams] | UnsetType | None = UNSET
    automatic_tax: EnabledParams | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    off_session: bool | UnsetType = UNSET
    metadata: meta.Asked = UNSET


class CancelSubscription(Params, frozen=True, kw_only=True):
    """DELETE /v1/subscriptions/{id}."""

    invoice_now: bool = False
    prorate: bool = False
    cancellation_details: CancellationParams | None = None


class ListSubscriptions(ListParams, frozen=True, kw_only=True):
    """GET /v1/subscriptions. Those that are canceled only where `status` says so."""

    customer: str | None = None
    status: str | None = None
    price: str | None = None
    created: Range | int | None = None
    test_clock: str | None = None


# --- to begin ----------------------------------------------------------------------------------


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
        missing_payment_method=_missing(asked.trial_settings),
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


# --- to change ---------------------------------------------------------------------------------


def change_subscription(call: Call) -> Answered:
    """Everything but its end. Items and their payment first; the rest only if those went well."""
    asked, book = call.params(ChangeSubscription), call.book
    changing.check_words(asked.payment_behavior, asked.proration_behavior)
    subscription = book.get(Subscription, call.id)
    if subscription.status in standing.OVER and set(call.form) - {
        "metadata",
        "cancellation_details",
        "expand",
    }:
        raise wrong_state("A canceled subscription can only update its cancellation_details and metadata.")
    if asked.payment_behavior == "pending_if_incomplete":
        beyond = set(call.form) - changing.PENDING_ALLOWED
        if beyond:
            raise invalid(
                f"You can't update {min(beyond)} when payment_behavior is `pending_if_incomplete`.",
                min(beyond),
            )
    _check_schedule(subscription, call)
    before = subscription
    subscription = _with_settings(book, subscription, asked)
    subscription = _with_cancellation(book, subscription, asked)
    subscription = _with_trial(book, subscription, asked)
    if given(asked.items) or asked.billing_cycle_anchor is not None:
        book.put(subscription)
        planned = changing.plan(
            book,
            subscription,
            asked.items if not isinstance(asked.items, UnsetType) else [],
            prorate=asked.proration_behavior != "none",
            at=asked.proration_date,
            resets=asked.billing_cycle_anchor is not None and asked.billing_cycle_anchor.type == "now",
        )
        subscription = changing.make(
            book,
            subscription,
            planned,
            payment_behavior=asked.payment_behavior,
            proration_behavior=asked.proration_behavior,
        )
        settled = book.get(Subscription, subscription.id).status  # what is owed may have been paid with it
        subscription = (
            replace(subscription, status=settled) if before.status in standing.OWING else subscription
        )
    book.put(before)
    if subscription == before:
        return before  # nothing has changed, and nobody is told
    book.changed("customer.subscription.updated", subscription)
    watch(book, subscription)
    return subscription


def cancel_subscription(call: Call) -> Answered:
    """Now. No money goes back by itself."""
    asked, book = call.params(CancelSubscription), call.book
    subscription = book.get(Subscription, call.id)
    if subscription.status in standing.OVER:
        raise missing("subscription", subscription.id)
    details = asked.cancellation_details or CancellationParams()
    said = replace(subscription.cancellation_details, comment=details.comment, feedback=details.feedback)
    subscription = book.put(replace(subscription, cancellation_details=said))
    if asked.prorate:
        _credit_rest(book, subscription, now=asked.invoice_now)
    return standing.end(book, book.get(Subscription, subscription.id))


def list_subscriptions(call: Call) -> Answered:
    asked = call.params(ListSubscriptions)
    rows = [
        one
        for one in newest_first(call.book.all(Subscription))
        if asked.customer in (None, one.customer)
        and asked.test_clock in (None, one.test_clock)
        and _status_fits(asked.status, one.status)
        and (asked.price is None or any(item.price.id == asked.price for item in one.items.data))
    ]
    return page(rows, asked, lambda one: one.id)


def discounts(book: Book, subscription: Subscription, asked: list[DiscountParams] | None) -> tuple[str, ...]:
    """Discounts as they are asked for. Raises Refusal on one that cannot be had."""
    found = []
    for place, one in enumerate(asked or []):
        if one.discount:
            found.append(one.discount)
            continue
        code = None
        if one.promotion_code:
            param = f"discounts[{place}][promotion_code]"
            code = usable_code(book, one.promotion_code, subscription.customer, param)
            coupon = book.get(Coupon, code.promotion.coupon)
        else:
            coupon = usable_coupon(book, one.coupon or "", f"discounts[{place}][coupon]")
        made = redeem(
            book,
            coupon,
            code,
            customer=subscription.customer,
            session=None,
            subscription=subscription.id,
            invoice=None,
        )
        found.append(made.id)
    return tuple(found)


def _with_settings(book: Book, subscription: Subscription, asked: ChangeSubscription) -> Subscription:
    more: dict[str, object] = {"metadata": meta.merged(subscription.metadata, asked.metadata)}
    if not isinstance(asked.pause_collection, UnsetType):
        more["pause_collection"] = _pause(asked.pause_collection)
    if not isinstance(asked.default_payment_method, UnsetType):
        method = method_for(book, asked.default_payment_method, "default_payment_method")
        more["default_payment_method"] = attach(book, method, subscription.customer).id
    if not isinstance(asked.discounts, UnsetType):
        more["discounts"] = discounts(book, subscription, asked.discounts)
    if not isinstance(asked.automatic_tax, UnsetType):
        enabled = asked.automatic_tax.enabled
        more["automatic_tax"] = SubscriptionTax(
            enabled=enabled, liability={"type": "self"} if enabled else None
        )
    if not isinstance(asked.trial_settings, UnsetType):
        more["trial_settings"] = TrialSettings(
            end_behavior=EndBehavior(missing_payment_method=_missing(asked.trial_settings))
        )
    if not isinstance(asked.description, UnsetType):
        more["description"] = asked.description
    return replace(subscription, **more)


def _with_cancellation(book: Book, subscription: Subscription, asked: ChangeSubscription) -> Subscription:
    end = max(one.current_period_end for one in subscription.items.data)
    if given(asked.cancel_at_period_end) and asked.cancel_at not in (UNSET, None):
        raise invalid(
            "You may only specify one of these parameters: cancel_at_period_end, cancel_at.", "cancel_at"
        )
    if not isinstance(asked.cancellation_details, UnsetType):
        said = replace(
            subscription.cancellation_details,
            comment=asked.cancellation_details.comment,
            feedback=asked.cancellation_details.feedback,
        )
        subscription = replace(subscription, cancellation_details=said)
    if asked.cancel_at_period_end is True:
        return _cancelling(book, subscription, end, at_period_end=True)
    if asked.cancel_at_period_end is False and subscription.cancel_at_period_end:
        return _not_cancelling(subscription)
    if isinstance(asked.cancel_at, UnsetType):
        return subscription
    if asked.cancel_at is None:
        return _not_cancelling(subscription)
    at = _cancel_at(subscription, asked.cancel_at)
    if at <= book.now():
        raise invalid("cancel_at must be in the future.", "cancel_at")
    return _cancelling(book, subscription, at, at_period_end=False)


def _cancel_at(subscription: Subscription, asked: int | str) -> int:
    ends = [one.current_period_end for one in subscription.items.data]
    if isinstance(asked, int) or asked.isdecimal():
        return int(asked)
    words = {"min_period_end": min(ends), "max_period_end": max(ends), "max_billed_until": max(ends)}
    if asked not in words:
        raise invalid("Invalid cancel_at.", "cancel_at")
    return words[asked]


def _cancelling(book: Book, subscription: Subscription, at: int, *, at_period_end: bool) -> Subscription:
    said = replace(subscription.cancellation_details, reason="cancellation_requested")
    return replace(
        subscription,
        cancel_at=at,
        cancel_at_period_end=at_period_end,
        canceled_at=book.now(),
        cancellation_details=said,
    )


def _not_cancelling(subscription: Subscription) -> Subscription:
    said = replace(subscription.cancellation_details, reason=None)
    return replace(
        subscription, cancel_at=None, cancel_at_period_end=False, canceled_at=None, cancellation_details=said
    )


def _with_trial(book: Book, subscription: Subscription, asked: ChangeSubscription) -> Subscription:
    if isinstance(asked.trial_end, UnsetType):
        return subscription
    now = book.now()
    end = now if asked.trial_end == "now" else int(asked.trial_end)
    if asked.trial_end != "now" and end <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    items = tuple(replace(one, current_period_end=end) for one in subscription.items.data)
    if end > now:
        return replace(
            subscription,
            status="trialing",
            trial_end=end,
            trial_start=subscription.trial_start or now,
            billing_cycle_anchor=end,
            items=listed(subscription, items),
        )
    book.plan(now, _end_trial, subscription.id)
    return replace(subscription, trial_end=end, items=listed(subscription, items))


def _end_trial(book: Book, identifier: str) -> None:
    from .renewing import turn  # noqa: PLC0415  # the same as if its time had come

    turn(book, identifier)


def _credit_rest(book: Book, subscription: Subscription, *, now: bool) -> None:
    gone = tuple(replace(one, quantity=0) for one in subscription.items.data)
    drafts = [one for one in proration_drafts(book, subscription, gone, book.now()) if one.amount < 0]
    wait(book, subscription, drafts)
    if now and drafts:
        ask = changing.ask_for(book, subscription, changing.Plan(gone, drafts, book.now(), resets=False))
        billing.finalize(book, billing.draft(book, ask), invoice_pages(book))


def _check_schedule(subscription: Subscription, call: Call) -> None:
    ending = {"cancel_at_period_end", "cancel_at"} & set(call.form)
    schedule = call.book.find(Schedule, subscription.schedule or "")
    if ending and schedule is not None and schedule.status == "active":
        raise wrong_state(
            f"The subscription is managed by the subscription schedule `{schedule.id}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )


def _pause(asked: PauseParams | None) -> PauseCollection | None:
    if asked is None:
        return None
    if asked.behavior not in COLLECTING:
        raise invalid(
            f"Invalid behavior: must be one of {', '.join(COLLECTING)}", "pause_collection[behavior]"
        )
    return PauseCollection(behavior=asked.behavior, resumes_at=asked.resumes_at)


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


def _missing(asked: TrialParams | None) -> str:
    return asked.end_behavior.missing_payment_method if asked else "create_invoice"


def _status_fits(asked: str | None, status: str) -> bool:
    match asked:
        case None:
            return status not in standing.OVER
        case "all":
            return True
        case "ended":
            return status in standing.OVER
        case _:
            return status == asked


ROUTES: Routes = (
    ("POST", "/v1/subscriptions", make_subscription),
    ("GET", "/v1/subscriptions", list_subscriptions),
    ("GET", "/v1/subscriptions/{id}", lambda call: call.book.get(Subscription, call.id)),
    ("POST", "/v1/subscriptions/{id}", change_subscription),
    ("DELETE", "/v1/subscriptions/{id}", cancel_subscription),
)
