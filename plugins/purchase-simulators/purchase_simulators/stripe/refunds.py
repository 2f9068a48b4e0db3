"""Refunds: https://docs.stripe.com/refunds. Usually succeeded at once; some are pending, some fail later."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .customers import behaviour
from .forms import Params
from .objects.customers import PaymentMethod
from .objects.payments import Charge, Dispute, PaymentIntent, Refund
from .paging import ListParams, Range, newest_first, page
from .refusal import invalid, wrong_state

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
LATER_DAYS = 2  # until a pending refund succeeds, or one fails
COUNTED = ("pending", "succeeded", "requires_action")


class MakeRefund(Params, frozen=True, kw_only=True):
    """POST /v1/refunds. Without an amount: all that is left."""

    charge: str | None = None
    payment_intent: str | None = None
    amount: int | None = None
    reason: str | None = None
    metadata: meta.Asked = UNSET


class ChangeRefund(Params, frozen=True, kw_only=True):
    """POST /v1/refunds/{id}: nothing but metadata."""

    metadata: meta.Asked = UNSET


class ListRefunds(ListParams, frozen=True, kw_only=True):
    """GET /v1/refunds."""

    charge: str | None = None
    payment_intent: str | None = None
    created: Range | int | None = None


def make_refund(call: Call) -> Answered:
    return refund_of(call.book, call.params(MakeRefund))


def refund_of(book: Book, asked: MakeRefund) -> Refund:
    """Never more than is left of the charge. Raises Refusal."""
    if asked.reason is not None and asked.reason not in REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(REASONS)}", "reason")
    charge = _charge(book, asked)
    left = charge.amount - charge.amount_refunded
    if charge.refunded or not left:
        raise wrong_state(f"Charge {charge.id} has already been refunded.", "charge_already_refunded")
    disputes = [one for one in book.all(Dispute) if one.charge == charge.id]
    if any(one.status not in ("won", "warning_closed") and not one.is_charge_refundable for one in disputes):
        raise wrong_state(
            f"Charge {charge.id} has been charged back; cannot issue a refund.", "charge_disputed"
        )
    amount = left if asked.amount is None else asked.amount
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > left:
        raise wrong_state(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )
    return _issue(book, charge, amount, asked)


def change_refund(call: Call) -> Answered:
    asked, book = call.params(ChangeRefund), call.book
    known = book.get(Refund, call.id)
    return _told(book, replace(known, metadata=meta.merged(known.metadata, asked.metadata)))


def list_refunds(call: Call) -> Answered:
    asked = call.params(ListRefunds)
    rows = [
        one
        for one in newest_first(call.book.all(Refund))
        if asked.charge in (None, one.charge) and asked.payment_intent in (None, one.payment_intent)
    ]
    return page(rows, asked, lambda one: one.id)


def succeed(book: Book, identifier: str) -> None:
    """A pending refund has arrived."""
    refund = book.get(Refund, identifier)
    if refund.status == "pending":
        _told(book, replace(refund, status="succeeded", pending_reason=UNSET))


def fail(book: Book, identifier: str) -> None:
    """A refund did not arrive: the money is the merchant's again."""
    refund = book.get(Refund, identifier)
    if refund.status not in COUNTED:
        return
    failed = replace(refund, status="failed", failure_reason="expired_or_canceled_card", pending_reason=UNSET)
    _told(book, failed)
    book.tell("refund.failed", failed)
    charge = book.get(Charge, refund.charge)
    back = replace(charge, amount_refunded=charge.amount_refunded - refund.amount, refunded=False)
    book.changed("charge.updated", back)


def _issue(book: Book, charge: Charge, amount: int, asked: MakeRefund) -> Refund:
    method = book.find(PaymentMethod, charge.payment_method or "")
    test = behaviour(method).name if method else ""
    pending = test == "refund_pends"
    refunded = charge.amount_refunded + amount
    charge = book.put(replace(charge, amount_refunded=refunded, refunded=refunded == charge.amount))
    refund = Refund(
        id=book.new_id(Refund),
        amount=amount,
        charge=charge.id,
        created=book.now(),
        currency=charge.currency,
        metadata=meta.merged({}, asked.metadata),
        payment_intent=charge.payment_intent,
        pending_reason="processing" if pending else UNSET,
        reason=asked.reason,
        status="pending" if pending else "succeeded",
    )
    book.made("refund.created", refund)
    book.tell("charge.refunded", charge, {"amount_refunded": charge.amount_refunded - amount})
    if test in ("refund_pends", "refund_fails"):
        later = book.now() + LATER_DAYS * DAY // SECOND
        book.plan(later, succeed if pending else fail, refund.id)
    return refund


def _told(book: Book, refund: Refund) -> Refund:
    book.changed("refund.updated", refund)
    book.tell("charge.refund.updated", refund)
    return refund


def _charge(book: Book, asked: MakeRefund) -> Charge:
    if bool(asked.charge) == bool(asked.payment_intent):
        raise invalid("One of charge and payment_intent must be given.", "charge", "parameter_missing")
    if asked.charge:
        charge = book.get(Charge, asked.charge, "charge")
    else:
        intent = book.get(PaymentIntent, asked.payment_intent or "", "payment_intent")
        if intent.latest_charge is None or intent.status != "succeeded":
            raise wrong_state(
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
                "payment_intent_unexpected_state", "payment_intent",
            )  # fmt: skip
        charge = book.get(Charge, intent.latest_charge)
    if not charge.paid:
        raise wrong_state(f"Charge {charge.id} has not been paid.", "charge_not_refundable")
    return charge


ROUTES: Routes = (
    ("POST", "/v1/refunds", make_refund),
    ("GET", "/v1/refunds", list_refunds),
    ("GET", "/v1/refunds/{id}", lambda call: call.book.get(Refund, call.id)),
    ("POST", "/v1/refunds/{id}", change_refund),
)
