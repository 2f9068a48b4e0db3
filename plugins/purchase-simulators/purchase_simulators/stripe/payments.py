"""Payment intents and charges, as they are asked for: https://docs.stripe.com/api/payment_intents."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .charging import CANCELABLE, Outcome, cancel_intent, card_error, confirm, new_intent
from .customers import attach, method_for
from .forms import Params
from .objects.customers import Customer
from .objects.payments import Charge, PaymentIntent
from .paging import ListParams, newest_first, page
from .refusal import invalid, wrong_state


class MakeIntent(Params, frozen=True, kw_only=True):
    """POST /v1/payment_intents."""

    amount: int
    currency: str
    customer: str | None = None
    confirm: bool = False
    description: str | None = None
    payment_method: str | None = None
    payment_method_types: list[str] = []
    automatic_payment_methods: dict[str, str | None] | None = None
    off_session: bool = False
    receipt_email: str | None = None
    setup_future_usage: str | None = None
    shipping: dict[str, object] | None = None
    metadata: meta.Asked = UNSET
    return_url: str | None = None


class ConfirmIntent(Params, frozen=True, kw_only=True):
    """POST /v1/payment_intents/{id}/confirm."""

    payment_method: str | None = None
    off_session: bool = False
    return_url: str | None = None


class ChangeIntent(Params, frozen=True, kw_only=True):
    """POST /v1/payment_intents/{id} and /v1/charges/{id}."""

    description: str | None = None
    metadata: meta.Asked = UNSET


class CancelIntent(Params, frozen=True, kw_only=True):
    """POST /v1/payment_intents/{id}/cancel."""

    cancellation_reason: str | None = None


class ListIntents(ListParams, frozen=True, kw_only=True):
    """GET /v1/payment_intents and /v1/charges."""

    customer: str | None = None
    payment_intent: str | None = None


def make_intent(call: Call) -> Answered:
    """Without a checkout."""
    asked, book = call.params(MakeIntent), call.book
    if asked.amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if asked.customer:
        book.get(Customer, asked.customer, "customer")
    intent = new_intent(
        book,
        asked.amount,
        asked.currency.lower(),
        asked.customer,
        metadata=meta.merged({}, asked.metadata),
        description=asked.description,
    )
    intent = book.put(replace(intent, receipt_email=asked.receipt_email))
    if asked.confirm:
        return _confirmed(book, intent, asked.payment_method, present=not asked.off_session)
    if asked.payment_method:
        method = method_for(book, asked.payment_method, "payment_method")
        intent = book.put(replace(intent, payment_method=method.id, status="requires_confirmation"))
    return intent


def confirm_intent(call: Call) -> Answered:
    asked, book = call.params(ConfirmIntent), call.book
    intent = book.get(PaymentIntent, call.id)
    if intent.status not in ("requires_payment_method", "requires_confirmation"):
        raise wrong_state(
            f"This PaymentIntent's status is {intent.status}, and it cannot be confirmed.",
            "payment_intent_unexpected_state",
        )
    return _confirmed(
        book, intent, asked.payment_method or intent.payment_method, present=not asked.off_session
    )


def cancel_call(call: Call) -> Answered:
    asked, book = call.params(CancelIntent), call.book
    intent = book.get(PaymentIntent, call.id)
    if intent.status not in CANCELABLE:
        raise wrong_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent.status}.",
            "payment_intent_unexpected_state",
        )
    return cancel_intent(book, intent, asked.cancellation_reason or "requested_by_customer")


def change_intent(call: Call) -> Answered:
    asked, book = call.params(ChangeIntent), call.book
    known = book.get(PaymentIntent, call.id)
    return book.put(
        replace(
            known,
            metadata=meta.merged(known.metadata, asked.metadata),
            description=asked.description or known.description,
        )
    )


def change_charge(call: Call) -> Answered:
    asked, book = call.params(ChangeIntent), call.book
    known = book.get(Charge, call.id)
    return book.changed(
        "charge.updated",
        replace(
            known,
            metadata=meta.merged(known.metadata, asked.metadata),
            description=asked.description or known.description,
        ),
    )


def list_intents(call: Call) -> Answered:
    asked = call.params(ListIntents)
    rows = [
        one for one in newest_first(call.book.all(PaymentIntent)) if asked.customer in (None, one.customer)
    ]
    return page(rows, asked, lambda one: one.id)


def list_charges(call: Call) -> Answered:
    asked = call.params(ListIntents)
    rows = [
        one
        for one in newest_first(call.book.all(Charge))
        if asked.customer in (None, one.customer) and asked.payment_intent in (None, one.payment_intent)
    ]
    return page(rows, asked, lambda one: one.id)


def _confirmed(book: Book, intent: PaymentIntent, method: str | None, *, present: bool) -> PaymentIntent:
    if method is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    found = method_for(book, method, "payment_method")
    if intent.customer and found.customer is None:
        found = attach(book, found, intent.customer)
    outcome = confirm(book, intent, found, present=present)
    if outcome is Outcome.DECLINED:
        raise card_error(book, intent.id, keeps=True)
    return book.get(PaymentIntent, intent.id)


ROUTES: Routes = (
    ("POST", "/v1/payment_intents", make_intent),
    ("GET", "/v1/payment_intents", list_intents),
    ("GET", "/v1/payment_intents/{id}", lambda call: call.book.get(PaymentIntent, call.id)),
    ("POST", "/v1/payment_intents/{id}", change_intent),
    ("POST", "/v1/payment_intents/{id}/confirm", confirm_intent),
    ("POST", "/v1/payment_intents/{id}/cancel", cancel_call),
    ("GET", "/v1/charges", list_charges),
    ("GET", "/v1/charges/{id}", lambda call: call.book.get(Charge, call.id)),
    ("POST", "/v1/charges/{id}", change_charge),
)
