"""How a payment intent comes to be paid: https://docs.stripe.com/payments/paymentintents/lifecycle."""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from .book import Book
from .cards import DECLINED, MESSAGES, TestMethod
from .customers import behaviour
from .disputing import open_dispute
from .objects.customers import PaymentMethod
from .objects.payments import Charge, PaymentIntent
from .objects.thing import Json, Metadata
from .refusal import CARD, Refusal

AUTHENTICATION_REQUIRED = "authentication_required"
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


class Outcome(StrEnum):
    """How a try to be paid went."""

    PAID = "paid"
    DECLINED = "declined"
    ACTION = "action"  # the buyer must authenticate
    PROCESSING = "processing"  # the money comes later


def new_intent(
    book: Book,
    amount: int,
    currency: str,
    customer: str | None,
    *,
    metadata: Metadata | None = None,
    description: str | None = None,
) -> PaymentIntent:
    """A payment intent that nobody has paid yet."""
    identifier = book.new_id(PaymentIntent)
    return book.made(
        "payment_intent.created",
        PaymentIntent(
            id=identifier,
            amount=amount,
            client_secret=f"{identifier}_{book.ids.new('secret')}",
            created=book.now(),
            currency=currency,
            customer=customer,
            description=description,
            metadata=metadata or {},
            status="requires_payment_method",
        ),
    )


def confirm(
    book: Book, intent: PaymentIntent, method: PaymentMethod, *, present: bool, authenticated: bool = False
) -> Outcome:
    """Try to have it paid. `present`: the buyer is there; `authenticated`: and has passed 3-D Secure."""
    test = behaviour(method)
    decline = test.decline or ("" if present else test.later)
    if present and test.challenge and not authenticated:
        decline = AUTHENTICATION_REQUIRED
    intent = replace(intent, payment_method=method.id, payment_method_types=(method.type,))
    if decline == AUTHENTICATION_REQUIRED:
        return _action(book, intent)
    if test.settles_days >= 0 and not decline:
        charge = _charge(book, intent, method, "pending")
        book.put(charge)
        book.changed(
            "payment_intent.processing", replace(intent, status="processing", latest_charge=charge.id)
        )
        book.tell("charge.pending", charge)
        return Outcome.PROCESSING
    if decline:
        return _declined(book, intent, method, decline)
    _succeeded(book, intent, _charge(book, intent, method, "succeeded"), test)
    return Outcome.PAID


def settle(book: Book, intent: PaymentIntent) -> Outcome:
    """The money of an asynchronous method arrives, or does not."""
    charge = book.get(Charge, intent.latest_charge or "")
    method = book.get(PaymentMethod, intent.payment_method or "")
    test = behaviour(method)
    if test.bounces:
        failed = replace(
            charge,
            status="failed",
            paid=False,
            failure_code="insufficient_funds",
            failure_message="The bank account has insufficient funds.",
        )
        book.changed("charge.failed", failed)
        _failed_intent(book, intent, "insufficient_funds", "generic_decline", failed.id)
        return Outcome.DECLINED
    paid = replace(charge, status="succeeded", paid=True, captured=True, amount_captured=charge.amount)
    _succeeded(book, intent, paid, test)
    return Outcome.PAID


def cancel_intent(book: Book, intent: PaymentIntent, reason: str) -> PaymentIntent:
    """Nobody will pay it any more."""
    canceled = replace(intent, status="canceled", canceled_at=book.now(), cancellation_reason=reason)
    return book.changed("payment_intent.canceled", canceled)


def card_error(book: Book, intent_id: str, *, keeps: bool) -> Refusal:
    """How a call says that a payment was declined, or asks for the buyer."""
    intent = book.get(PaymentIntent, intent_id)
    error = intent.last_payment_error or {}
    code = str(error.get("code") or AUTHENTICATION_REQUIRED)
    message = str(error.get("message") or MESSAGES[AUTHENTICATION_REQUIRED])
    about: Json = {"payment_intent": intent}
    if intent.latest_charge:
        about["charge"] = intent.latest_charge
    return Refusal(
        402,
        message,
        kind=CARD,
        code=code,
        decline_code=str(error.get("decline_code") or ""),
        about=about,
        keeps=keeps,
    )


def _action(book: Book, intent: PaymentIntent) -> Outcome:
    action: Json = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    book.changed(
        "payment_intent.requires_action", replace(intent, status="requires_action", next_action=action)
    )
    return Outcome.ACTION


def _declined(book: Book, intent: PaymentIntent, method: PaymentMethod, decline: str) -> Outcome:
    code = decline if decline == "expired_card" else DECLINED
    message = MESSAGES.get(decline, MESSAGES["generic_decline"])
    outcome: Json = {
        **_OUTCOME,
        "network_status": "declined_by_network",
        "reason": decline,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    charge = replace(
        _charge(book, intent, method, "failed"), failure_code=code, failure_message=message, outcome=outcome
    )
    book.made("charge.failed", charge)
    _failed_intent(book, intent, code, decline, charge.id)
    return Outcome.DECLINED


def _failed_intent(book: Book, intent: PaymentIntent, code: str, decline: str, charge: str) -> PaymentIntent:
    error: Json = {
        "code": code,
        "message": MESSAGES.get(decline, "The payment failed."),
        "type": CARD,
        "charge": charge,
    }
    error |= {"decline_code": decline} if decline else {}
    failed = replace(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=error,
        latest_charge=charge,
    )
    return book.changed("payment_intent.payment_failed", failed)


def _succeeded(book: Book, intent: PaymentIntent, charge: Charge, test: TestMethod) -> None:
    book.changed("charge.succeeded", charge)
    book.changed(
        "payment_intent.succeeded",
        replace(
            intent,
            status="succeeded",
            amount_received=intent.amount,
            latest_charge=charge.id,
            next_action=None,
            last_payment_error=None,
            payment_method=charge.payment_method,
        ),
    )
    if test.name in ("disputed", "inquired"):
        open_dispute(book, charge, inquiry=test.name == "inquired")


def _charge(book: Book, intent: PaymentIntent, method: PaymentMethod, status: str) -> Charge:
    paid = status == "succeeded"
    details = method.card if method.type == "card" else method.sepa_debit
    shown = _shown_details(method.type, details if isinstance(details, dict) else {})
    return Charge(
        id=book.new_id(Charge),
        amount=intent.amount,
        amount_captured=intent.amount if paid else 0,
        billing_details=method.billing_details,
        captured=paid,
        created=book.now(),
        currency=intent.currency,
        customer=intent.customer,
        description=intent.description,
        metadata=intent.metadata,
        outcome=_OUTCOME if paid else None,
        paid=paid,
        payment_intent=intent.id,
        payment_method=method.id,
        payment_method_details={"type": method.type, method.type: shown},
        receipt_email=intent.receipt_email,
        status=status,
    )


def _shown_details(kind: str, details: Json) -> Json:
    if kind != "card":
        return {
            **{
                name: details.get(name)
                for name in ("bank_code", "branch_code", "country", "fingerprint", "last4")
            },
            "mandate": None,
        }
    names = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    more: Json = {"installments": None, "mandate": None, "network": "visa", "three_d_secure": None}
    return {name: details.get(name) for name in names} | more


_OUTCOME: Json = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}
