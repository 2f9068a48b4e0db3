"""Invoices from draft to paid, void or uncollectible: https://docs.stripe.com/invoicing/overview."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from .book import Book
from .charging import CANCELABLE, cancel_intent, new_intent
from .composing import Ask, claim, compose
from .objects.customers import Customer
from .objects.invoices import Invoice, InvoicePayment, PaidAt
from .objects.payments import PaymentIntent
from .refusal import wrong_state

PAGES = "/invoice/"
HOUR_SECONDS = 3_600


def draft(book: Book, ask: Ask, *, finalizes_in_seconds: int = 0) -> Invoice:
    """A new invoice. It is not finalized yet; a renewal's is so by itself, an hour later."""
    invoice = compose(book, ask)
    if finalizes_in_seconds:
        invoice = replace(invoice, automatically_finalizes_at=book.now() + finalizes_in_seconds)
    if ask.subscription is not None and ask.subscription.pause_collection is not None:
        invoice = replace(invoice, auto_advance=False)
    book.made("invoice.created", invoice)
    claim(book, invoice, ask.drafts)
    return invoice


def finalize(book: Book, invoice: Invoice, pages: str) -> Invoice:
    """No longer a draft: it has a number, and something to pay it with. Nothing due: it is paid."""
    if invoice.status != "draft":
        raise wrong_state(
            f"This invoice is already finalized, you can't re-finalize a {invoice.status} invoice.",
            "invoice_not_editable",
        )
    invoice = _against_balance(book, _numbered(book, invoice))
    now = book.now()
    url = f"{pages}{invoice.id}"
    invoice = replace(
        invoice,
        status="open",
        automatically_finalizes_at=None,
        effective_at=now,
        hosted_invoice_url=url,
        invoice_pdf=f"{url}/pdf",
        status_transitions=replace(invoice.status_transitions, finalized_at=now),
    )
    if invoice.amount_due:
        _ask_for_payment(book, invoice)
    book.changed("invoice.finalized", invoice)
    return invoice if invoice.amount_due else paid(book, invoice, 0)


def paid(book: Book, invoice: Invoice, amount: int, *, off_stripe: bool = False) -> Invoice:
    """It is paid; nothing is due any more."""
    now = book.now()
    payment = payment_of(book, invoice)
    if payment is not None:
        settled = replace(payment, status="paid", amount_paid=amount, status_transitions=PaidAt(paid_at=now))
        book.changed("invoice_payment.paid", settled)
    invoice = replace(
        invoice,
        status="paid",
        amount_paid=amount,
        amount_paid_off_stripe=amount if off_stripe else 0,
        amount_remaining=0,
        attempted=True,
        next_payment_attempt=None,
        status_transitions=replace(invoice.status_transitions, paid_at=now),
    )
    book.changed("invoice.updated", invoice)
    book.tell("invoice.paid", invoice)
    if not off_stripe:
        book.tell("invoice.payment_succeeded", invoice)
    return invoice


def void(book: Book, invoice: Invoice) -> Invoice:
    """As if it had never been finalized; for good."""
    if invoice.status not in ("open", "uncollectible"):
        raise wrong_state(f"You can only void open or uncollectible invoices; this one is {invoice.status}.")
    _stop_asking(book, invoice, "void_invoice")
    invoice = replace(
        invoice,
        status="void",
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions=replace(invoice.status_transitions, voided_at=book.now()),
    )
    return book.changed("invoice.voided", invoice)


def write_off(book: Book, invoice: Invoice) -> Invoice:
    """Nobody expects it to be paid. It still can be."""
    if invoice.status != "open":
        raise wrong_state(f"You can only mark open invoices as uncollectible; this one is {invoice.status}.")
    invoice = replace(
        invoice,
        status="uncollectible",
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions=replace(invoice.status_transitions, marked_uncollectible_at=book.now()),
    )
    return book.changed("invoice.marked_uncollectible", invoice)


def payment_of(book: Book, invoice: Invoice) -> InvoicePayment | None:
    """How it is, or was, paid by default."""
    found = [one for one in payments_of(book, invoice.id) if one.is_default]
    return found[-1] if found else None


def payments_of(book: Book, invoice: str) -> Sequence[InvoicePayment]:
    """All payments of an invoice."""
    return [one for one in book.all(InvoicePayment) if one.invoice == invoice]


def intent_of(book: Book, invoice: Invoice) -> PaymentIntent | None:
    """The payment intent that it is, or was, paid with."""
    payment = payment_of(book, invoice)
    return book.find(PaymentIntent, str(payment.payment.get("payment_intent"))) if payment else None


def invoice_of(book: Book, intent: str) -> Invoice | None:
    """The invoice that a payment intent is for."""
    for one in book.all(InvoicePayment):
        if one.payment.get("payment_intent") == intent:
            return book.find(Invoice, one.invoice)
    return None


def subscription_of(invoice: Invoice) -> str:
    """The subscription that an invoice is of, "" if it is of none."""
    return invoice.parent.subscription_details.subscription if invoice.parent else ""


def _numbered(book: Book, invoice: Invoice) -> Invoice:
    customer = book.find(Customer, invoice.customer or "")
    if customer is None:
        return replace(invoice, number=f"GUEST-{invoice.id[-6:].upper()}")
    book.put(replace(customer, next_invoice_sequence=customer.next_invoice_sequence + 1))
    return replace(invoice, number=f"{customer.invoice_prefix}-{customer.next_invoice_sequence:04}")


def _against_balance(book: Book, invoice: Invoice) -> Invoice:
    """What the customer has to his credit is used first; what is over goes to it."""
    customer = book.find(Customer, invoice.customer or "")
    if customer is None:
        return invoice
    after = min(customer.balance + invoice.total, 0)
    if after != customer.balance:
        book.changed("customer.updated", replace(customer, balance=after))
    due = max(customer.balance + invoice.total, 0) if invoice.total > 0 else 0
    return replace(
        invoice, starting_balance=customer.balance, ending_balance=after, amount_due=due, amount_remaining=due
    )


def _ask_for_payment(book: Book, invoice: Invoice) -> None:
    described = "Subscription creation" if invoice.billing_reason == "subscription_create" else None
    if invoice.billing_reason in ("subscription_cycle", "subscription_update"):
        described = "Subscription update"
    intent = new_intent(book, invoice.amount_due, invoice.currency, invoice.customer, description=described)
    book.put(
        InvoicePayment(
            id=book.new_id(InvoicePayment),
            amount_requested=invoice.amount_due,
            created=book.now(),
            currency=invoice.currency,
            invoice=invoice.id,
            payment={"payment_intent": intent.id, "type": "payment_intent"},
        )
    )


def _stop_asking(book: Book, invoice: Invoice, reason: str) -> None:
    intent = intent_of(book, invoice)
    if intent is not None and intent.status in CANCELABLE:
        cancel_intent(book, intent, reason)
    payment = payment_of(book, invoice)
    if payment is not None and payment.status == "open":
        book.put(replace(payment, status="canceled", status_transitions=PaidAt(canceled_at=book.now())))
