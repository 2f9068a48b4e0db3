"""What the hosted page does: a buyer pays, is declined, is asked for 3-D Secure, or takes a slow method."""

from __future__ import annotations

import attrs
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import billing, charging, collecting, standing
from .book import Book
from .cards import AUTHENTICATION_FAILED, DECLINED, METHODS, TestMethod
from .charging import Outcome
from .checkout import trial_of, with_totals
from .composing import Ask, Draft
from .customers import new_method
from .discounts import redeem, usable_code
from .objects.catalog import Coupon, PromotionCode
from .objects.checkout import Session, SessionDiscount, SessionPlan
from .objects.customers import Customer, InvoiceSettings, PaymentMethod
from .objects.invoices import Invoice
from .objects.payments import PaymentIntent
from .objects.subscriptions import Subscription
from .refusal import CARD, Refusal, invalid, wrong_state
from .renewing import spend_once, watch
from .subscribing import begin, first_ask

BUYER = "buyer@example.com"
AUTHENTICATION_REQUIRED = "authentication_required"


def pay(
    book: Book, identifier: str, method: str, *, authenticated: bool = False, email: str = BUYER
) -> Session:
    """A buyer pays with a test method. Raises Refusal; a decline leaves the session open.

    With code `authentication_required`: the bank wants to see the buyer first; then `authenticated`.
    """
    session = open_session(book, identifier)
    if method not in METHODS:
        raise invalid("There is no such test method.", "method")
    test = METHODS[method]
    session = with_totals(book, session)
    due = session.amount_total
    if test.challenge and not authenticated:
        raise Refusal(402, "3-D Secure is needed.", kind=CARD, code=AUTHENTICATION_REQUIRED)
    if test.decline:
        decline(book, session, test)
    customer = _buyer(book, session, email)
    session = replace(
        session, customer=customer.id if customer else None, customer_details=_details(customer, email)
    )
    card = book.put(new_method(book, test, customer.id if customer else None, email))
    if customer is not None:
        book.tell("payment_method.attached", card)
    if session.mode == "subscription":
        return _complete(book, session, *_subscribe(book, session, customer, card))
    return _complete(book, session, *_purchase(book, session, card, due))


def pay_without_method(book: Book, identifier: str, *, email: str = BUYER) -> Session:
    """Nothing is due, and no method is asked for: a trial without a card."""
    session = with_totals(book, open_session(book, identifier))
    if session.amount_total or session.payment_method_collection != "if_required":
        raise wrong_state("This page asks for a payment method.")
    customer = _buyer(book, session, email)
    session = replace(
        session, customer=customer.id if customer else None, customer_details=_details(customer, email)
    )
    return _complete(book, session, *_subscribe(book, session, customer, None))


def apply_code(book: Book, identifier: str, text: str) -> Session:
    """The buyer types a promotion code. Raises Refusal."""
    session = open_session(book, identifier)
    if not session.allow_promotion_codes:
        raise wrong_state("This page takes no promotion codes.")
    known = [one for one in book.all(PromotionCode) if one.active and one.code.lower() == text.lower()]
    if not known:
        raise wrong_state("This code is invalid.", "promotion_code_invalid")
    code = usable_code(book, known[-1].id, session.customer, "promotion_code")
    plan = book.get(SessionPlan, session.id)
    book.put(replace(plan, coupon=code.promotion.coupon, promotion_code=code.id))
    return book.put(with_totals(book, replace(session, discounts=(SessionDiscount(promotion_code=code.id),))))


def decline(book: Book, session: Session, test: TestMethod) -> None:
    """The bank says no: a failed payment that leaves the session open. Raises Refusal."""
    plan = book.get(SessionPlan, session.id)
    if session.mode == "payment" and session.amount_total:
        intent = _intent(book, session, plan)
        method = new_method(book, test, None)
        book.put(method)
        charging.confirm(book, intent, method, present=True)
    problem = test.decline if test.decline == "expired_card" else DECLINED
    book.put(replace(plan, problem=test.decline))
    raise Refusal(
        402, "Your card was declined.", kind=CARD, code=problem, decline_code=test.decline, keeps=True
    )


def fail_challenge(book: Book, identifier: str) -> None:
    """The bank did not confirm that it is the buyer."""
    session = open_session(book, identifier)
    book.put(replace(book.get(SessionPlan, session.id), problem=AUTHENTICATION_FAILED))


def open_session(book: Book, identifier: str) -> Session:
    """A session that can be paid. Raises Refusal."""
    session = book.get(Session, identifier)
    if session.status != "open":
        raise wrong_state(f"This Checkout Session is {session.status}.")
    return session


# --- what comes of it --------------------------------------------------------------------------


def _subscribe(
    book: Book, session: Session, customer: Customer | None, card: PaymentMethod | None
) -> tuple[str, dict[str, object]]:
    if customer is None:
        raise wrong_state("A subscription has a customer.")
    plan = book.get(SessionPlan, session.id)
    days = plan.trial_days or 0
    ends = plan.trial_end or (book.now() + days * DAY // SECOND if days else None)
    recurring = [(one.price, one.quantity) for one in plan.items if one.price.recurring]
    subscription = begin(
        book,
        customer,
        recurring,
        session.currency,
        metadata=plan.subscription_metadata,
        trial_end=ends,
        missing_payment_method=plan.missing_payment_method,
        taxed=session.automatic_tax.enabled,
        method=card.id if card else None,
    )
    subscription = replace(subscription, discounts=_redeemed(book, session, plan, subscription.id))
    book.made("customer.subscription.created", subscription)
    ask = first_ask(book, subscription)
    once = [
        Draft(one.price, one.quantity, one.amount_subtotal, book.now(), book.now())
        for one in plan.items
        if not one.price.recurring
    ]
    ask = replace_drafts(ask, [*ask.drafts, *once])
    invoice = billing.finalize(book, billing.draft(book, ask), collecting.invoice_pages(book))
    subscription = book.put(replace(subscription, latest_invoice=invoice.id))
    outcome = Outcome.PAID
    if invoice.status == "open":
        outcome = collecting.collect(book, invoice, card, present=True, authenticated=True)
    else:
        standing.paid(book, invoice)
    subscription = book.get(Subscription, subscription.id)
    if subscription.status == "incomplete":  # a slow method: it begins, and the money follows
        subscription = book.changed("customer.subscription.updated", replace(subscription, status="active"))
    book.put(spend_once(book, subscription))
    watch(book, subscription)
    status = "paid" if outcome is Outcome.PAID else "unpaid"
    if not invoice.amount_due and trial_of(plan):
        status = "no_payment_required"
    return status, {"subscription": subscription.id, "invoice": invoice.id}


def _purchase(book: Book, session: Session, card: PaymentMethod, due: int) -> tuple[str, dict[str, object]]:
    plan = book.get(SessionPlan, session.id)
    enabled = bool(session.invoice_creation and session.invoice_creation["enabled"])
    if not due and not enabled:
        return "no_payment_required", {}
    if not enabled:
        intent = _intent(book, session, plan)
        outcome = charging.confirm(book, intent, card, present=True, authenticated=True)
        if outcome is Outcome.PROCESSING:
            collecting.plan_settling(book, book.get(PaymentIntent, intent.id))
        return _word(outcome), {"payment_intent": intent.id}
    now = book.now()
    drafts = [Draft(one.price, one.quantity, one.amount_subtotal, now, now) for one in plan.items]
    ask = Ask(
        session.customer,
        session.currency,
        "manual",
        drafts,
        (),
        session.automatic_tax.enabled,
        metadata=plan.invoice_metadata,
    )
    ask = replace_drafts(ask, drafts, _redeemed(book, session, plan, None))
    invoice = billing.finalize(book, billing.draft(book, ask), collecting.invoice_pages(book))
    if invoice.status == "paid":
        return "no_payment_required", {"invoice": invoice.id}
    return _paid_invoice(book, plan, invoice, card)


def _paid_invoice(
    book: Book, plan: SessionPlan, invoice: Invoice, card: PaymentMethod
) -> tuple[str, dict[str, object]]:
    intent = billing.intent_of(book, invoice)
    if intent is not None:
        book.put(replace(intent, metadata=plan.payment_metadata))
    outcome = collecting.collect(book, invoice, card, present=True, authenticated=True)
    return _word(outcome), {"invoice": invoice.id, "payment_intent": intent.id if intent else None}


def _complete(book: Book, session: Session, status: str, made: dict[str, object]) -> Session:
    session = replace(session, status="complete", payment_status=status, url=None, **made)
    if session.automatic_tax.enabled:
        session = replace(session, automatic_tax=replace(session.automatic_tax, status="complete"))
    return book.changed("checkout.session.completed", session)


def replace_drafts(ask: Ask, drafts: list[Draft], discounts: tuple[str, ...] | None = None) -> Ask:
    """The same invoice with other lines."""
    return attrs.evolve(ask, drafts=drafts, discounts=ask.discounts if discounts is None else discounts)


def _redeemed(book: Book, session: Session, plan: SessionPlan, subscription: str | None) -> tuple[str, ...]:
    if not plan.coupon:
        return ()
    code = book.find(PromotionCode, plan.promotion_code) if plan.promotion_code else None
    made = redeem(
        book,
        book.get(Coupon, plan.coupon),
        code,
        customer=session.customer,
        session=session.id,
        subscription=subscription,
        invoice=None,
    )
    return (made.id,)


def _intent(book: Book, session: Session, plan: SessionPlan) -> PaymentIntent:
    if session.payment_intent:
        return book.get(PaymentIntent, session.payment_intent)
    intent = charging.new_intent(
        book, session.amount_total, session.currency, session.customer, metadata=plan.payment_metadata
    )
    known = book.get(Session, session.id)
    book.put(replace(known, payment_intent=intent.id))
    return intent


def _buyer(book: Book, session: Session, email: str) -> Customer | None:
    """The session's customer; a new one, where it makes one; nobody, for a guest's purchase."""
    if session.customer:
        return book.get(Customer, session.customer)
    if session.mode == "payment" and session.customer_creation != "always":
        return None
    identifier = book.new_id(Customer)
    return book.made(
        "customer.created",
        Customer(
            id=identifier,
            created=book.now(),
            email=session.customer_email or email,
            invoice_prefix=identifier[-8:].upper(),
            invoice_settings=InvoiceSettings(),
        ),
    )


def _details(customer: Customer | None, email: str) -> dict[str, object]:
    return {
        "address": None,
        "business_name": None,
        "email": customer.email if customer else email,
        "individual_name": None,
        "name": customer.name if customer else None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _word(outcome: Outcome) -> str:
    return "paid" if outcome is Outcome.PAID else "unpaid"
