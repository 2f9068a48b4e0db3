"""What time does to subscriptions: trials end, periods begin, pauses and cancellations come."""

from __future__ import annotations

from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import billing, standing
from .book import Book
from .collecting import advance, invoice_pages
from .composing import DRAFT_SECONDS, Ask, pending_drafts
from .objects.catalog import Coupon, Discount, Price
from .objects.customers import Customer
from .objects.invoices import Invoice
from .objects.subscriptions import CurrentPhase, Phase, Schedule, Subscription, SubscriptionItem
from .objects.thing import WireList
from .prorating import full_drafts, period_after

WILL_END_DAYS = 3


def watch(book: Book, subscription: Subscription) -> None:
    """Plan what comes next. Whatever is planned looks whether it still applies."""
    book.plan(subscription.items.data[0].current_period_end, turn, subscription.id)
    if subscription.cancel_at is not None:
        book.plan(subscription.cancel_at, turn, subscription.id)
    if subscription.trial_end is not None and subscription.status == "trialing":
        early = subscription.trial_end - WILL_END_DAYS * DAY // SECOND
        book.plan(max(early, book.now()), warn, subscription.id)
    if subscription.pause_collection is not None and subscription.pause_collection.resumes_at is not None:
        book.plan(subscription.pause_collection.resumes_at, collect_again, subscription.id)


def turn(book: Book, identifier: str) -> None:
    """Something of the subscription is due: its end, its next phase or its next period."""
    subscription = book.get(Subscription, identifier)
    if subscription.status not in ("active", "trialing", "past_due", "unpaid"):
        return
    now = book.now()
    if subscription.cancel_at is not None and subscription.cancel_at <= now:
        standing.end(book, subscription)
    elif subscription.items.data[0].current_period_end <= now:
        renew(book, subscription)


def renew(book: Book, subscription: Subscription) -> None:
    """The next period begins, and is billed about an hour later; unless a schedule ends with this one."""
    if _completes(book, subscription):
        standing.end(book, subscription)
        return
    was_trial = subscription.status == "trialing"
    customer = book.get(Customer, subscription.customer)
    payable = subscription.default_payment_method or customer.invoice_settings.default_payment_method
    behavior = subscription.trial_settings.end_behavior.missing_payment_method
    if was_trial and not payable and behavior != "create_invoice":
        _end_trial_unpaid(book, subscription, behavior)
        return
    items = _next_items(book, subscription)
    subscription = replace(
        subscription,
        status="active" if was_trial else subscription.status,
        billing_cycle_anchor=items[0].current_period_start
        if was_trial
        else subscription.billing_cycle_anchor,
        items=listed(subscription, items),
    )
    ask = Ask(
        customer=subscription.customer,
        currency=subscription.currency,
        reason="subscription_cycle",
        drafts=[*pending_drafts(book, subscription), *full_drafts(book, items, subscription.currency)],
        discounts=live_discounts(book, subscription),
        taxed=subscription.automatic_tax.enabled,
        subscription=subscription,
    )
    invoice = billing.draft(book, ask, finalizes_in_seconds=DRAFT_SECONDS)
    subscription = replace(subscription, latest_invoice=invoice.id)
    book.changed("customer.subscription.updated", spend_once(book, subscription))
    watch(book, subscription)
    _advance_schedule(book, subscription)
    _bill(book, subscription, invoice)


def warn(book: Book, identifier: str) -> None:
    """A trial ends in three days, or at once if it is shorter."""
    subscription = book.get(Subscription, identifier)
    if subscription.status == "trialing":
        book.tell("customer.subscription.trial_will_end", subscription)


def collect_again(book: Book, identifier: str) -> None:
    """A pause of collection is over."""
    subscription = book.get(Subscription, identifier)
    pause = subscription.pause_collection
    if pause is not None and pause.resumes_at is not None and pause.resumes_at <= book.now():
        book.changed("customer.subscription.updated", replace(subscription, pause_collection=None))


def listed(subscription: Subscription, items: tuple[SubscriptionItem, ...]) -> WireList[SubscriptionItem]:
    """Items as a subscription holds them."""
    return WireList(data=items, url=subscription.items.url)


def live_discounts(book: Book, subscription: Subscription) -> tuple[str, ...]:
    """The discounts that are not over."""
    return tuple(
        one for one in subscription.discounts
        if (end := book.get(Discount, one).end) is None or end > book.now()
    )  # fmt: skip


def spend_once(book: Book, subscription: Subscription) -> Subscription:
    """Discounts that are for one invoice only are used up."""
    kept = tuple(
        one for one in live_discounts(book, subscription)
        if book.get(Coupon, book.get(Discount, one).source.coupon).duration != "once"
    )  # fmt: skip
    return replace(subscription, discounts=kept)


def _bill(book: Book, subscription: Subscription, invoice: Invoice) -> None:
    pause = subscription.pause_collection
    if pause is None:
        book.plan(invoice.automatically_finalizes_at or book.now(), advance, invoice.id)
    elif pause.behavior != "keep_as_draft":
        made = billing.finalize(book, invoice, invoice_pages(book))
        if made.status == "open":
            billing.void(book, made) if pause.behavior == "void" else billing.write_off(book, made)


def _end_trial_unpaid(book: Book, subscription: Subscription, behavior: str) -> None:
    if behavior == "cancel":
        standing.end(book, subscription)
        return
    paused = replace(subscription, status="paused")
    book.changed("customer.subscription.paused", paused)
    book.tell("customer.subscription.updated", paused)


def _next_items(book: Book, subscription: Subscription) -> tuple[SubscriptionItem, ...]:
    """The same items with the next period; those of the schedule's next phase, if there is one."""
    start = subscription.items.data[0].current_period_end
    phase = _phase_at(book, subscription, start)
    anchor = start if subscription.status == "trialing" else subscription.billing_cycle_anchor
    known = list(subscription.items.data)
    if phase is not None:
        known = [
            replace(
                known[min(place, len(known) - 1)],
                price=book.get(Price, one.price),
                quantity=one.quantity,
            )
            for place, one in enumerate(phase.items)
        ]
        if phase.items and known[0].price.recurring != subscription.items.data[0].price.recurring:
            anchor = start
    return tuple(
        replace(one, current_period_start=start, current_period_end=period_after(start, one.price, anchor))
        for one in known
    )


def _phase_at(book: Book, subscription: Subscription, at: int) -> Phase | None:
    schedule = book.find(Schedule, subscription.schedule or "")
    if schedule is None or schedule.status != "active":
        return None
    return next((one for one in schedule.phases if one.start_date <= at < one.end_date), None)


def _completes(book: Book, subscription: Subscription) -> bool:
    """Whether a schedule that ends the subscription has come to the end of its last phase. It is told."""
    schedule, now = book.find(Schedule, subscription.schedule or ""), book.now()
    if schedule is None or schedule.status != "active" or schedule.end_behavior != "cancel":
        return False
    if schedule.phases[-1].end_date > now:
        return False
    done = replace(schedule, status="completed", completed_at=now, current_phase=None)
    book.changed("subscription_schedule.completed", done)
    return True


def _advance_schedule(book: Book, subscription: Subscription) -> None:
    schedule = book.find(Schedule, subscription.schedule or "")
    if schedule is None or schedule.status != "active":
        return
    now = book.now()
    phase = _phase_at(book, subscription, now)
    if phase is None:
        released = replace(schedule, status="released", released_at=now, current_phase=None,
                           released_subscription=subscription.id, subscription=None)  # fmt: skip
        book.changed("subscription_schedule.released", released)
        book.changed("customer.subscription.updated",
                     replace(book.get(Subscription, subscription.id), schedule=None))  # fmt: skip
    else:
        current = CurrentPhase(start_date=phase.start_date, end_date=phase.end_date)
        book.changed("subscription_schedule.updated", replace(schedule, current_phase=current))
