"""Checkouts of the simulated provider: opened, paid, given up; and what each payment makes."""

from __future__ import annotations

import attrs

from purchase_core.instants import DAY, HOUR, SECOND
from purchase_core.testing.simulation.provider.account import Account, Refusal
from purchase_core.testing.simulation.provider.months import after_periods
from purchase_core.testing.simulation.provider.objects import (
    Invoice,
    Line,
    Payer,
    Price,
    Session,
    Subscription,
)

SESSION_HOURS = 24


@attrs.frozen
class Twist:
    """How what is paid differs from what was ordered; the defaults: not at all."""

    quantity: int = 0
    unit_amount: int = 0
    currency: str = ""
    payer: str = ""
    discount: int = 0

    def __bool__(self) -> bool:
        return self != STRAIGHT


STRAIGHT = Twist()


def known_payer(account: Account, customer: str, email: str) -> Payer | None:
    """The payer of a customer of the application; where addresses are unique, whoever has the address."""
    unique = account.dialect.capabilities.unique_emails
    for one in account.book.payers.values():
        if (one.email == email) if unique else one.customer == customer:
            return one
    return None


def new_payer(account: Account, customer: str, email: str) -> Payer:
    """A new payer."""
    if not email and account.dialect.capabilities.unique_emails:
        raise Refusal("a customer needs an address")
    payer = Payer(account.new("cus"), customer, email)
    account.book.payers[payer.id] = payer
    return payer


def price_of(account: Account, wanted: Price) -> str:
    """The price of an offer version; made if it is not there."""
    for one in account.book.prices.values():
        if (one.version, one.currency, one.trial_days) == (
            wanted.version,
            wanted.currency,
            wanted.trial_days,
        ):
            return one.id
    wanted.id = account.new("price")
    account.book.prices[wanted.id] = wanted
    return wanted.id


def open_session(account: Account, session: Session) -> Session:
    """A page that can be paid. Raises Refusal."""
    if account.refuses:
        raise Refusal("not with us")
    account.found(account.book.prices, session.price)
    session.id = account.new("txn" if account.dialect.joint else "cs")
    session.opened_at = account.now()
    if account.dialect.joint:
        session.expires_at = None
    elif session.expires_at is None:
        session.expires_at = session.opened_at + SESSION_HOURS * HOUR
    account.book.sessions[session.id] = session
    account.changed(session)
    if account.dialect.joint:
        account.tell("transaction.created", session)
    return session


def expire(account: Account, session: Session) -> None:
    """Close an open page."""
    if session.status != "open":
        raise Refusal(f"{session.id} is {session.status}")
    session.status = "expired"
    account.changed(session)
    account.tell("transaction.canceled" if account.dialect.joint else "checkout.session.expired", session)


def pay(account: Account, session: Session, twist: Twist = STRAIGHT, *, later: bool = False) -> None:
    """Pay an open page, or begin to (`later`: the money comes some days after). Raises Refusal."""
    if session.status != "open":
        raise Refusal(f"{session.id} is {session.status}")
    book = account.book
    payer = twist.payer or session.payer
    if not payer:
        made = Payer(account.new("cus"), "", f"guest-{session.id}@example.com")
        book.payers[made.id] = made
        payer = session.payer = made.id
    if book.payers[payer].card != "good":
        if account.dialect.joint:
            account.tell("transaction.payment_failed", session)
        raise Refusal("the card was declined")
    session.status = "complete"
    if session.mode == "subscription":
        subscription = _subscribe(account, session, payer, twist, begun=not later)
        session.subscription = subscription.id
    invoice = _first_invoice(account, session, payer, twist)
    session.invoice = invoice.id
    book.invoices[invoice.id] = invoice
    if later:
        account.changed(session)
        account.tell("checkout.session.completed", session)
    else:
        _settled(account, session, invoice)


def money_arrives(account: Account, session: Session, *, fails: bool) -> None:
    """What was begun is paid after all, or not. Raises Refusal."""
    book = account.book
    invoice: Invoice = account.found(book.invoices, session.invoice)
    if invoice.status != "open":
        raise Refusal(f"{invoice.id} is {invoice.status}")
    if not fails:
        _settled(account, session, invoice)
        return
    invoice.status = "void"
    account.changed(invoice)
    account.tell("checkout.session.async_payment_failed", session)
    account.tell("invoice.voided", invoice)
    if session.subscription:
        subscription = book.subscriptions[session.subscription]
        subscription.status, subscription.ended_at = "incomplete_expired", account.now()
        account.changed(subscription)
        account.tell("customer.subscription.deleted", subscription)


def _settled(account: Account, session: Session, invoice: Invoice) -> None:
    book = account.book
    if account.dialect.joint and session.subscription:
        # Paid, and not completed yet: the agreement and the bill are still to be made.
        early = Session(**{name: getattr(session, name) for name in session.__struct_fields__})
        early.subscription = early.invoice = ""
        account.changed(early)
        account.tell("transaction.paid", early)
    invoice.status, invoice.paid = "paid", invoice.total
    session.payment = "paid" if invoice.total else "none_due"
    account.changed(session, invoice)
    invoice.paid_at = invoice.at
    if session.subscription:
        subscription = book.subscriptions[session.subscription]
        if subscription.status == "incomplete":
            subscription.status = "active"
        account.changed(subscription)
    if account.dialect.joint:
        if session.subscription:
            account.tell("subscription.created", book.subscriptions[session.subscription])
            account.tell("subscription.activated", book.subscriptions[session.subscription])
        account.tell("transaction.completed", session, invoice)
        return
    if session.subscription:
        account.tell("customer.subscription.created", book.subscriptions[session.subscription])
    account.tell("payment_intent.succeeded")
    account.tell("invoice.paid", invoice)
    account.tell("invoice.payment_succeeded")
    account.tell("checkout.session.completed", session)


def _subscribe(account: Account, session: Session, payer: str, twist: Twist, *, begun: bool) -> Subscription:
    now, price = account.now(), account.book.prices[session.price]
    trial_end = now + session.trial_days * DAY if session.trial_days else None
    # Whole seconds, as providers count periods.
    anchor = (trial_end or now) // SECOND * SECOND
    start = now // SECOND * SECOND
    status = "incomplete" if not begun else "trialing" if trial_end else "active"
    subscription = Subscription(
        id=account.new("sub"),
        at=0,
        metadata=dict(session.metadata),
        status=status,
        payer=payer,
        price=price.id,
        quantity=twist.quantity or session.quantity,
        unit_amount=twist.unit_amount or price.unit_amount,
        currency=twist.currency or price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        started_at=start,
        anchor=anchor,
        period=-1 if trial_end else 0,
        period_start=start,
        period_end=anchor if trial_end else after_periods(anchor, price.interval, price.interval_count, 1),
        trial_end=anchor if trial_end else None,
    )
    account.book.subscriptions[subscription.id] = subscription
    return subscription


def _first_invoice(account: Account, session: Session, payer: str, twist: Twist) -> Invoice:
    price = account.book.prices[session.price]
    quantity = twist.quantity or session.quantity
    unit = twist.unit_amount or price.unit_amount
    trial = bool(session.trial_days)
    amount = 0 if trial else max(0, unit * quantity - twist.discount)
    currency = twist.currency or price.currency
    line = Line(price.id, quantity, unit, amount, currency, trial=trial)
    return Invoice(
        id=session.id if account.dialect.joint else account.new("in"),
        at=account.stamp(),
        metadata=dict(session.metadata),
        status="open",
        reason="first",
        payer=payer,
        currency=currency,
        total=amount,
        paid=0,
        lines=[line],
        due_at=account.now(),
        subscription=session.subscription,
    )
