"""Disputes: https://docs.stripe.com/disputes/how-disputes-work."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .forms import Params
from .objects.payments import EVIDENCE, Charge, Dispute
from .objects.thing import Json
from .paging import ListParams, newest_first, page
from .refusal import invalid, wrong_state

RESPONSE_DAYS = 20
OPEN = ("needs_response", "warning_needs_response", "under_review", "warning_under_review",
        "appeal_needs_response", "appeal_under_review")  # fmt: skip
ANSWERABLE = {
    "needs_response": "under_review",
    "warning_needs_response": "warning_under_review",
    "appeal_needs_response": "appeal_under_review",
}
WINNING, LOSING = "winning_evidence", "losing_evidence"
"""Test evidence in `uncategorized_text` that decides a dispute: https://docs.stripe.com/testing#disputes."""


class ChangeDispute(Params, frozen=True, kw_only=True):
    """POST /v1/disputes/{id}."""

    evidence: dict[str, str | None] = {}
    submit: bool = True
    metadata: meta.Asked = UNSET


class ListDisputes(ListParams, frozen=True, kw_only=True):
    """GET /v1/disputes."""

    charge: str | None = None
    payment_intent: str | None = None


def open_dispute(book: Book, charge: Charge, *, inquiry: bool = False, amount: int | None = None) -> Dispute:
    """A bank asks, or takes the money back until it is decided."""
    charge = book.changed("charge.updated", replace(charge, disputed=True))
    dispute = book.made(
        "charge.dispute.created",
        Dispute(
            id=book.new_id(Dispute),
            amount=charge.amount if amount is None else amount,
            charge=charge.id,
            created=book.now(),
            currency=charge.currency,
            evidence_details=_details(book, has_evidence=False, submissions=0),
            is_charge_refundable=inquiry,
            payment_intent=charge.payment_intent,
            status="warning_needs_response" if inquiry else "needs_response",
        ),
    )
    if not inquiry:
        book.tell("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(book: Book, dispute: Dispute, status: str) -> Dispute:
    """It is decided: won, lost or warning_closed."""
    if dispute.status not in OPEN:
        raise wrong_state("This dispute is already closed.")
    closed = book.changed("charge.dispute.closed", replace(dispute, status=status))
    if status == "won":
        book.tell("charge.dispute.funds_reinstated", closed)
    return closed


def appeal(book: Book, dispute: Dispute) -> Dispute:
    """A lost dispute is opened again."""
    if dispute.status != "lost":
        raise wrong_state("Only a lost dispute can be appealed.")
    return book.changed("charge.dispute.updated", replace(dispute, status="appeal_needs_response"))


def change_dispute(call: Call) -> Answered:
    """Evidence, and its submission. Stripe's test evidence decides at once."""
    asked, book = call.params(ChangeDispute), call.book
    dispute = book.get(Dispute, call.id)
    unknown = asked.evidence.keys() - EVIDENCE.keys()
    if unknown:
        name = f"evidence[{min(unknown)}]"
        raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    metadata = meta.merged(dispute.metadata, asked.metadata)
    if not asked.evidence:
        return book.changed("charge.dispute.updated", replace(dispute, metadata=metadata))
    if dispute.status not in ANSWERABLE:
        raise wrong_state("This dispute is already closed.")
    status = ANSWERABLE[dispute.status] if asked.submit else dispute.status
    details = _details(book, has_evidence=True, submissions=1 if asked.submit else 0)
    evidence: Json = {**dispute.evidence, **asked.evidence}
    answered = replace(dispute, evidence=evidence, evidence_details=details, status=status, metadata=metadata)
    book.changed("charge.dispute.updated", answered)
    said = asked.evidence.get("uncategorized_text")
    if asked.submit and said in (WINNING, LOSING):
        return close(book, answered, "won" if said == WINNING else "lost")
    return answered


def close_call(call: Call) -> Answered:
    """To accept it is to lose it."""
    dispute = call.book.get(Dispute, call.id)
    if dispute.status not in ANSWERABLE:
        raise wrong_state("This dispute is already closed.")
    return close(call.book, dispute, "lost")


def list_disputes(call: Call) -> Answered:
    asked = call.params(ListDisputes)
    rows = [
        one
        for one in newest_first(call.book.all(Dispute))
        if asked.charge in (None, one.charge) and asked.payment_intent in (None, one.payment_intent)
    ]
    return page(rows, asked, lambda one: one.id)


def _details(book: Book, *, has_evidence: bool, submissions: int) -> Json:
    return {
        "due_by": book.now() + RESPONSE_DAYS * DAY // SECOND,
        "enhanced_eligibility": {},
        "has_evidence": has_evidence,
        "past_due": False,
        "submission_count": submissions,
    }


ROUTES: Routes = (
    ("GET", "/v1/disputes", list_disputes),
    ("GET", "/v1/disputes/{id}", lambda call: call.book.get(Dispute, call.id)),
    ("POST", "/v1/disputes/{id}", change_dispute),
    ("POST", "/v1/disputes/{id}/close", close_call),
)
