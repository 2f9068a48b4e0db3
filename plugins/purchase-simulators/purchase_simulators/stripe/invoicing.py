"""Calls about invoices: https://docs.stripe.com/api/invoices, and the way from payments to them."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from . import billing, changing, standing
from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .catalog import MakePrice, ProductData, price_of
from .changing import ItemParams
from .charging import Outcome, card_error
from .collecting import collect, invoice_pages, method_of
from .composing import Ask, compose, loose_drafts, pending_drafts, put_aside
from .customers import attach, method_for
from .forms import Params
from .objects.catalog import Price
from .objects.customers import Customer
from .objects.invoices import Invoice, InvoiceItem, InvoicePayment
from .objects.subscriptions import Subscription
from .paging import ListParams, Range, newest_first, page
from .prorating import full_drafts, period_after
from .refusal import invalid, wrong_state
from .renewing import listed, live_discounts
from .subscriptions import AnchorParams


class ListInvoices(ListParams, frozen=True, kw_only=True):
    """GET /v1/invoices."""

    customer: str | None = None
    subscription: str | None = None
    status: str | None = None
    created: Range | int | None = None


class PaymentFilter(Params, frozen=True, kw_only=True):
    """`payment` of a list of invoice payments."""

    type: str
    payment_intent: str | None = None


class ListPayments(ListParams, frozen=True, kw_only=True):
    """GET /v1/invoice_payments."""

    invoice: str | None = None
    payment: PaymentFilter | None = None
    status: str | None = None


class MakeInvoice(Params, frozen=True, kw_only=True):
    """POST /v1/invoices: of what waits for the customer's next one."""

    customer: str
    auto_advance: bool = False
    collection_method: str = "charge_automatically"
    pending_invoice_items_behavior: str = "exclude"
    description: str | None = None
    metadata: meta.Asked = UNSET


class MakeItem(Params, frozen=True, kw_only=True):
    """POST /v1/invoiceitems. An amount without a price gets a price of its own."""

    customer: str
    amount: int | None = None
    currency: str = "usd"
    price: str | None = None
    pricing: dict[str, str | None] = {}
    quantity: int = 1
    description: str | None = None
    metadata: meta.Asked = UNSET


class PayInvoice(Params, frozen=True, kw_only=True):
    """POST /v1/invoices/{id}/pay."""

    payment_method: str | None = None
    paid_out_of_band: bool = False
    off_session: bool = False


class ChangeInvoice(Params, frozen=True, kw_only=True):
    """POST /v1/invoices/{id}."""

    auto_advance: bool | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    metadata: meta.Asked = UNSET


class Details(Params, frozen=True, kw_only=True):
    """`subscription_details` of a preview."""

    items: list[ItemParams] = []
    proration_behavior: str = "create_prorations"
    proration_date: int | None = None
    billing_cycle_anchor: AnchorParams | None = None
    cancel_at_period_end: bool | None = None


class Preview(Params, frozen=True, kw_only=True):
    """POST /v1/invoices/create_preview."""

    subscription: str | None = None
    customer: str | None = None
    subscription_details: Details = Details()
    preview_mode: str = "next"


def make_item(call: Call) -> Answered:
    asked, book = call.params(MakeItem), call.book
    book.get(Customer, asked.customer, "customer")
    named = asked.price or asked.pricing.get("price")
    if named:
        price = book.get(Price, named, "pricing[price]")
    else:
        named_by = ProductData(name=asked.description or "Item")
        price = price_of(
            book, MakePrice(currency=asked.currency, unit_amount=asked.amount, product_data=named_by)
        )
    return put_aside(book, asked.customer, price, asked.quantity, meta.merged({}, asked.metadata))


def make_invoice(call: Call) -> Answered:
    asked, book = call.params(MakeInvoice), call.book
    customer = book.get(Customer, asked.customer, "customer")
    drafts = loose_drafts(book, customer.id) if asked.pending_invoice_items_behavior == "include" else []
    currency = drafts[0].price.currency if drafts else customer.currency or "usd"
    ask = Ask(customer.id, currency, "manual", drafts, metadata=meta.merged({}, asked.metadata))
    return billing.draft(book, ask)


def list_invoices(call: Call) -> Answered:
    asked = call.params(ListInvoices)
    rows = [
        one
        for one in newest_first(call.book.all(Invoice))
        if asked.customer in (None, one.customer)
        and asked.status in (None, one.status)
        and asked.subscription in (None, billing.subscription_of(one))
    ]
    return page(rows, asked, lambda one: one.id)


def list_lines(call: Call) -> Answered:
    asked = call.params(ListParams)
    return page(call.book.get(Invoice, call.id).lines.data, asked, lambda one: one.id)


def list_payments(call: Call) -> Answered:
    """`payment[type]=payment_intent&payment[payment_intent]=pi_…` finds the invoice of a payment."""
    asked = call.params(ListPayments)
    intent = asked.payment.payment_intent if asked.payment else None
    rows = [
        one
        for one in newest_first(call.book.all(InvoicePayment))
        if asked.invoice in (None, one.invoice)
        and asked.status in (None, one.status)
        and intent in (None, one.payment.get("payment_intent"))
    ]
    return page(rows, asked, lambda one: one.id)


def change_invoice(call: Call) -> Answered:
    asked, book = call.params(ChangeInvoice), call.book
    known = book.get(Invoice, call.id)
    given = {
        name: value
        for name in ("auto_advance", "description")
        if (value := getattr(asked, name)) is not UNSET
    }
    return book.changed(
        "invoice.updated", replace(known, **given, metadata=meta.merged(known.metadata, asked.metadata))
    )


def finalize_invoice(call: Call) -> Answered:
    call.params(ListParams)
    book = call.book
    invoice = billing.finalize(book, book.get(Invoice, call.id), call.pages + billing.PAGES)
    if invoice.status == "paid":
        standing.paid(book, invoice)
    return invoice


def pay_invoice(call: Call) -> Answered:
    """With a method, or out of band: then `invoice.paid` is told, and no payment."""
    asked, book = call.params(PayInvoice), call.book
    invoice = book.get(Invoice, call.id)
    if invoice.status == "draft":
        invoice = billing.finalize(book, invoice, invoice_pages(book))
    if invoice.status == "paid":
        raise wrong_state("Invoice is already paid", "invoice_already_paid")
    if invoice.status == "void":
        raise wrong_state("Invoice is void and cannot be paid.", "invoice_not_editable")
    if asked.paid_out_of_band:
        standing.paid(book, billing.paid(book, invoice, invoice.amount_due, off_stripe=True))
        return book.get(Invoice, invoice.id)
    return pay(book, invoice, asked.payment_method, present=not asked.off_session)


def pay(book: Book, invoice: Invoice, named: str | None, *, present: bool = True) -> Invoice:
    """Pay an open invoice with a method, or with that of its subscription or customer. Raises Refusal."""
    method = method_of(book, invoice)
    if named:
        method = method_for(book, named, "payment_method")
        if invoice.customer and method.customer is None:
            method = attach(book, method, invoice.customer)
    if method is None:
        raise invalid("There is no default_payment_method set on this Customer or Invoice.", code="missing")
    outcome = collect(book, invoice, method, present=present)
    if outcome in (Outcome.DECLINED, Outcome.ACTION):
        intent = billing.intent_of(book, invoice)
        raise card_error(book, intent.id if intent else "", keeps=True)
    return book.get(Invoice, invoice.id)


def void_invoice(call: Call) -> Answered:
    call.params(Params)
    voided = billing.void(call.book, call.book.get(Invoice, call.id))
    standing.dropped(call.book, voided)
    return voided


def write_off_invoice(call: Call) -> Answered:
    call.params(Params)
    return billing.write_off(call.book, call.book.get(Invoice, call.id))


def preview(call: Call) -> Answered:
    """What a change, or the next renewal, would cost. Nothing is kept, and nobody is told."""
    asked, book = call.params(Preview), call.book
    if asked.subscription is None:
        raise invalid("Missing required param: subscription.", "subscription", "parameter_missing")
    subscription = book.get(Subscription, asked.subscription, "subscription")
    if subscription.status in standing.OVER:
        raise wrong_state("No upcoming invoices for a canceled subscription.", "invoice_upcoming_none")
    details = asked.subscription_details
    changing.check_words("allow_incomplete", details.proration_behavior)
    if not details.items and details.billing_cycle_anchor is None:
        if subscription.cancel_at is not None:
            raise wrong_state("No upcoming invoices for customer", "invoice_upcoming_none")
        return _upcoming(book, subscription, subscription)
    planned = changing.plan(
        book,
        subscription,
        details.items,
        prorate=details.proration_behavior != "none",
        at=details.proration_date,
        resets=details.billing_cycle_anchor is not None and details.billing_cycle_anchor.type == "now",
    )
    changed = replace(subscription, items=listed(subscription, planned.items))
    if planned.resets or details.proration_behavior == "always_invoice":
        return compose(book, changing.ask_for(book, changed, planned, created=False))
    return _upcoming(book, subscription, changed, planned)


def _upcoming(
    book: Book, subscription: Subscription, changed: Subscription, planned: changing.Plan | None = None
) -> Invoice:
    items = tuple(
        replace(
            one,
            current_period_start=one.current_period_end,
            current_period_end=period_after(one.current_period_end, one.price, changed.billing_cycle_anchor),
        )
        for one in changed.items.data
    )
    more = planned.drafts if planned else ()
    ask = Ask(
        customer=changed.customer,
        currency=changed.currency,
        reason="upcoming",
        drafts=[*pending_drafts(book, subscription), *more, *full_drafts(book, items, changed.currency)],
        discounts=live_discounts(book, changed),
        taxed=changed.automatic_tax.enabled,
        subscription=changed,
        proration_date=planned.at if planned else None,
        created=False,
    )
    due = subscription.items.data[0].current_period_end
    return replace(compose(book, ask), next_payment_attempt=due, period_end=due)


ROUTES: Routes = (
    ("GET", "/v1/invoices", list_invoices),
    ("POST", "/v1/invoices", make_invoice),
    ("POST", "/v1/invoiceitems", make_item),
    ("GET", "/v1/invoiceitems/{id}", lambda call: call.book.get(InvoiceItem, call.id)),
    ("POST", "/v1/invoices/create_preview", preview),
    ("GET", "/v1/invoices/{id}", lambda call: call.book.get(Invoice, call.id)),
    ("POST", "/v1/invoices/{id}", change_invoice),
    ("GET", "/v1/invoices/{id}/lines", list_lines),
    ("POST", "/v1/invoices/{id}/finalize", finalize_invoice),
    ("POST", "/v1/invoices/{id}/pay", pay_invoice),
    ("POST", "/v1/invoices/{id}/void", void_invoice),
    ("POST", "/v1/invoices/{id}/mark_uncollectible", write_off_invoice),
    ("GET", "/v1/invoice_payments", list_payments),
    ("GET", "/v1/invoice_payments/{id}", lambda call: call.book.get(InvoicePayment, call.id)),
)
