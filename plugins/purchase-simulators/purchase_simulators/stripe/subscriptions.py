"""Subscriptions, as they are changed and listed: https://docs.stripe.com/api/subscriptions."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import changing, standing
from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .cancelling import EndParams, cancel_subscription, check_schedule, with_cancellation
from .changing import ItemParams, given
from .customers import attach, method_for
from .forms import Params
from .objects.subscriptions import (
    EndBehavior,
    PauseCollection,
    Subscription,
    SubscriptionTax,
    TrialSettings,
)
from .paging import ListParams, Range, newest_first, page
from .refusal import invalid, wrong_state
from .renewing import listed, watch
from .subscribing import make_subscription
from .terms import DiscountParams, EnabledParams, TrialParams, discounts, missing_method

COLLECTING = ("void", "keep_as_draft", "mark_uncollectible")


class PauseParams(Params, frozen=True, kw_only=True):
    """`pause_collection`."""

    behavior: str
    resumes_at: int | None = None


class AnchorParams(Params, frozen=True, kw_only=True):
    """`billing_cycle_anchor`: an object since 2026-09-30.endive."""

    type: Literal["now", "unchanged"]


class ChangeSubscription(EndParams, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}."""

    items: list[ItemParams] | UnsetType = UNSET
    proration_behavior: str = "create_prorations"
    proration_date: int | None = None
    payment_behavior: str = "allow_incomplete"
    billing_cycle_anchor: AnchorParams | None = None
    pause_collection: PauseParams | UnsetType | None = UNSET
    trial_end: int | Literal["now"] | UnsetType = UNSET
    trial_settings: TrialParams | UnsetType = UNSET
    default_payment_method: str | UnsetType = UNSET
    discounts: list[DiscountParams] | UnsetType | None = UNSET
    automatic_tax: EnabledParams | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    off_session: bool | UnsetType = UNSET
    metadata: meta.Asked = UNSET


class ListSubscriptions(ListParams, frozen=True, kw_only=True):
    """GET /v1/subscriptions. Those that are canceled only where `status` says so."""

    customer: str | None = None
    status: str | None = None
    price: str | None = None
    created: Range | int | None = None
    test_clock: str | None = None


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
    check_schedule(subscription, call)
    before = subscription
    subscription = _with_settings(book, subscription, asked)
    subscription = with_cancellation(book, subscription, asked)
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
    if asked.trial_end == "now":
        book.catch_up()
        return book.get(Subscription, subscription.id)
    return subscription


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
            end_behavior=EndBehavior(missing_payment_method=missing_method(asked.trial_settings))
        )
    if not isinstance(asked.description, UnsetType):
        more["description"] = asked.description
    return replace(subscription, **more)


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


def _pause(asked: PauseParams | None) -> PauseCollection | None:
    if asked is None:
        return None
    if asked.behavior not in COLLECTING:
        raise invalid(
            f"Invalid behavior: must be one of {', '.join(COLLECTING)}", "pause_collection[behavior]"
        )
    return PauseCollection(behavior=asked.behavior, resumes_at=asked.resumes_at)


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
