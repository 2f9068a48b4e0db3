"""What time does to subscriptions: trials and periods end, cards are charged, nobody pays, somebody does."""

from __future__ import annotations

from collections.abc import Callable

from purchase_core.instants import DAY, HOUR
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.money import decide
from purchase_core.testing.simulation.provider.months import after_periods
from purchase_core.testing.simulation.provider.objects import ENDED, Invoice, Line, Subscription
from purchase_core.testing.simulation.provider.selling import expire

RETRY_DAYS = (1, 3, 5)  # after the first try
DORMANT = ("paused", "unpaid", "incomplete", *ENDED)
STEPS_MAX = 400  # however far the clock jumps


def catch_up(account: Account) -> None:
    """Do everything that has come due by now, in its order and as of its time."""
    for _ in range(STEPS_MAX):
        due, act = _next(account)
        if due > account.now():
            return
        account.at_the_time(due, act)
    raise AssertionError("the clock has jumped too far to catch up with")


def next_due(account: Account) -> int | None:
    """When something next happens by itself."""
    due, _ = _next(account)
    return None if due == NEVER else due


NEVER = 2**62


def _next(account: Account) -> tuple[int, Callable[[], object]]:
    best, act = NEVER, _bound(_nothing)
    book = account.book
    for session in book.sessions.values():
        if session.status == "open" and session.expires_at is not None and session.expires_at < best:
            best, act = session.expires_at, _bound(expire, account, session)
    for subscription in book.subscriptions.values():
        if subscription.status not in DORMANT and subscription.period_end < best:
            best, act = subscription.period_end, _bound(_roll, account, subscription)
    for invoice in book.invoices.values():
        if invoice.status == "open" and invoice.tries and (due := _retry_at(invoice)) < best:
            best, act = due, _bound(_try_again, account, invoice)
    for refund in book.refunds.values():
        if refund.status == "pending" and refund.decides_at and refund.decides_at < best:
            best, act = refund.decides_at, _bound(decide, account, refund, "succeeded")
    return best, act


def _nothing() -> None:
    return


def _bound(act: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: act(*arguments)


def _retry_at(invoice: Invoice) -> int:
    return invoice.due_at + RETRY_DAYS[min(invoice.tries, len(RETRY_DAYS)) - 1] * DAY


# --- periods ---------------------------------------------------------------------------------


def _roll(account: Account, one: Subscription) -> None:
    """A period, or a trial, is over."""
    if one.cancel_at is not None and one.cancel_at <= one.period_end:
        end(account, one)
        return
    if one.next_price:
        one.price, one.quantity, one.unit_amount = one.next_price, one.next_quantity, one.next_unit_amount
        one.next_price = ""
    one.period += 1
    one.period_start = one.period_end
    one.period_end = after_periods(one.anchor, one.interval, one.interval_count, one.period + 1)
    if one.collecting:
        charge(account, one, "renewal")
    else:
        one.status = "active"
        account.changed(one)
        account.tell(updated(account), one)


def charge(account: Account, one: Subscription, reason: str) -> Invoice:
    """A bill for the present period, and a try to have it paid."""
    amount = one.unit_amount * one.quantity
    line = Line(
        one.price, one.quantity, one.unit_amount, amount, one.currency, one.period_start, one.period_end
    )
    invoice = bill(account, one, reason, [line])
    _collect(account, invoice)
    return invoice


def bill(account: Account, one: Subscription, reason: str, lines: list[Line]) -> Invoice:
    """A bill of a subscription, not paid yet."""
    invoice = Invoice(
        id=account.new("txn" if account.dialect.joint else "in"),
        at=account.stamp(),
        metadata=dict(one.metadata),
        status="open",
        reason=reason,
        payer=one.payer,
        currency=one.currency,
        total=max(0, sum(line.amount for line in lines)),
        paid=0,
        lines=lines,
        # Where a bill is finalized an hour after its period has begun, that is when its money is asked for.
        due_at=account.now() + (0 if account.dialect.joint else HOUR),
        subscription=one.id,
    )
    account.book.invoices[invoice.id] = invoice
    return invoice


def _collect(account: Account, invoice: Invoice) -> None:
    card = account.book.payers[invoice.payer].card
    if card == "good" or not invoice.total:
        settle(account, invoice)
        return
    subscription = account.book.subscriptions[invoice.subscription]
    invoice.tries += 1
    if invoice.tries > len(RETRY_DAYS):
        _given_up(account, subscription, invoice)
        return
    invoice.action = "authenticate" if card == "authenticate" else "update_card"
    if subscription.status != "past_due":
        subscription.status = "past_due"
        account.changed(subscription)
        account.tell(
            "subscription.past_due" if account.dialect.joint else "customer.subscription.updated",
            subscription,
        )
    account.changed(invoice)
    account.tell("transaction.payment_failed" if account.dialect.joint else "invoice.payment_failed", invoice)


def _try_again(account: Account, invoice: Invoice) -> None:
    _collect(account, invoice)


def settle(account: Account, invoice: Invoice) -> None:
    """A bill is paid. Raises Refusal."""
    if invoice.status != "open":
        raise Refusal(f"{invoice.id} is {invoice.status}")
    invoice.status, invoice.paid, invoice.action = "paid", invoice.total, ""
    account.changed(invoice)
    invoice.paid_at = invoice.at
    if account.dialect.joint:
        account.tell("transaction.paid", invoice)
        account.tell("transaction.completed", invoice)
    else:
        account.tell("charge.succeeded")
        account.tell("invoice.paid", invoice)
    one = account.book.subscriptions.get(invoice.subscription)
    if one is None or one.status in ENDED or one.status == "paused":
        return
    if not any(
        other.status == "open" and other.subscription == one.id for other in account.book.invoices.values()
    ):
        one.status = "active"
        account.changed(one)
        account.tell(updated(account), one)


def _given_up(account: Account, subscription: Subscription, invoice: Invoice) -> None:
    """Every try has failed."""
    invoice.status, invoice.action = ("void" if account.dialect.joint else "uncollectible"), ""
    account.changed(invoice)
    account.tell("transaction.canceled" if account.dialect.joint else "invoice.marked_uncollectible", invoice)
    if account.exhausted == "canceled":
        end(account, subscription)
    else:
        subscription.status = account.exhausted
        subscription.paused_at = account.now() if account.exhausted == "paused" else None
        account.changed(subscription)
        account.tell(updated(account), subscription)


def end(account: Account, one: Subscription) -> None:
    """It is over. Raises Refusal if it was before."""
    if one.status in ENDED:
        raise Refusal(f"{one.id} is {one.status}")
    one.status, one.ended_at, one.cancel_at, one.next_price = "canceled", account.now(), None, ""
    account.changed(one)
    account.tell("subscription.canceled" if account.dialect.joint else "customer.subscription.deleted", one)
    for invoice in account.book.invoices.values():
        if invoice.subscription == one.id and invoice.status == "open":
            invoice.status, invoice.action = ("void" if account.dialect.joint else "uncollectible"), ""
            account.changed(invoice)
            account.tell(
                "transaction.canceled" if account.dialect.joint else "invoice.marked_uncollectible", invoice
            )


def updated(account: Account) -> str:
    """The type of event that says that a subscription looks different."""
    return "subscription.updated" if account.dialect.joint else "customer.subscription.updated"
