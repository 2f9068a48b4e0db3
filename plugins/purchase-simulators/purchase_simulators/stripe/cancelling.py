"""How a subscription ends, now or later, and how that is taken back: https://docs.stripe.com/billing/subscriptions/cancel."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import billing, changing, standing
from .book import Book
from .call import Answered, Call
from .changing import given
from .collecting import invoice_pages
from .composing import wait
from .forms import Params
from .objects.subscriptions import Schedule, Subscription
from .prorating import proration_drafts
from .refusal import invalid, missing, wrong_state


class CancellationParams(Params, frozen=True, kw_only=True):
    """`cancellation_details`."""

    comment: str | None = None
    feedback: str | None = None


class EndParams(Params, frozen=True, kw_only=True):
    """What of POST /v1/subscriptions/{id} is about the end."""

    cancel_at_period_end: bool | UnsetType = UNSET
    cancel_at: int | str | UnsetType | None = UNSET
    cancellation_details: CancellationParams | UnsetType = UNSET


class CancelSubscription(Params, frozen=True, kw_only=True):
    """DELETE /v1/subscriptions/{id}."""

    invoice_now: bool = False
    prorate: bool = False
    cancellation_details: CancellationParams | None = None


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


def with_cancellation(book: Book, subscription: Subscription, asked: EndParams) -> Subscription:
    """The subscription with its end set, moved or taken back."""
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


def _credit_rest(book: Book, subscription: Subscription, *, now: bool) -> None:
    gone = tuple(replace(one, quantity=0) for one in subscription.items.data)
    drafts = [one for one in proration_drafts(book, subscription, gone, book.now()) if one.amount < 0]
    wait(book, subscription, drafts)
    if now and drafts:
        ask = changing.ask_for(book, subscription, changing.Plan(gone, drafts, book.now(), resets=False))
        billing.finalize(book, billing.draft(book, ask), invoice_pages(book))


def check_schedule(subscription: Subscription, call: Call) -> None:
    """Raises Refusal for an end that its schedule has to set."""
    ending = {"cancel_at_period_end", "cancel_at"} & set(call.form)
    schedule = call.book.find(Schedule, subscription.schedule or "")
    if ending and schedule is not None and schedule.status == "active":
        raise wrong_state(
            f"The subscription is managed by the subscription schedule `{schedule.id}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )
