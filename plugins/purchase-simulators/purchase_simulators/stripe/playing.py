"""What happens at Stripe without a call of ours: cards, banks and the Dashboard, as tests play them."""

from __future__ import annotations

from msgspec.structs import replace

from . import billing, collecting, disputing, refunds
from .book import Book
from .cards import METHODS
from .customers import attach, new_method
from .objects.catalog import Coupon, Promotion, PromotionCode
from .objects.invoices import Invoice
from .objects.payments import Charge, Dispute
from .objects.subscriptions import Subscription
from .refusal import wrong_state


def use_card(book: Book, subscription: str, name: str) -> None:
    """A subscription is charged to another card from now on."""
    found = book.get(Subscription, subscription)
    card = attach(book, book.put(new_method(book, METHODS[name], None)), found.customer)
    book.changed("customer.subscription.updated", replace(found, default_payment_method=card.id))


def pay_debts(book: Book, subscription: str) -> None:
    """What a subscription owes is charged now."""
    for invoice in book.all(Invoice):
        if billing.subscription_of(invoice) == subscription and invoice.status == "open":
            collecting.collect(book, invoice, collecting.method_of(book, invoice), present=True)


def make_discount(book: Book, percent: int, code: str) -> PromotionCode:
    """Somebody makes a coupon with a promotion code in the Dashboard."""
    identifier = book.ids.new("co").removeprefix("co_")[:8]
    coupon = Coupon(id=identifier, created=book.now(), duration="forever", percent_off=float(percent))
    book.made("coupon.created", coupon)
    made = PromotionCode(
        id=book.new_id(PromotionCode),
        code=code,
        created=book.now(),
        promotion=Promotion(coupon=coupon.id),
    )
    return book.made("promotion_code.created", made)


def return_refund(book: Book, refund: str) -> None:
    """A refund does not arrive."""
    refunds.fail(book, refund)


def dispute(book: Book, invoice: str, status: str) -> None:
    """A bank asks (inquiry), takes the money (open), gives it back (won) or keeps it (lost)."""
    intent = billing.intent_of(book, book.get(Invoice, invoice))
    if intent is None or intent.latest_charge is None:
        raise wrong_state("The invoice has no charge.")
    charge = book.get(Charge, intent.latest_charge)
    known = [one for one in book.all(Dispute) if one.charge == charge.id]
    if not known:
        disputing.open_dispute(book, charge, inquiry=status == "inquiry")
        if status in ("won", "lost"):
            disputing.close(book, [one for one in book.all(Dispute) if one.charge == charge.id][-1], status)
        return
    newest = known[-1]
    if status in ("won", "lost"):
        inquiry = newest.status.startswith("warning")
        disputing.close(book, newest, "warning_closed" if inquiry and status == "won" else status)
    elif newest.status == "lost":
        disputing.appeal(book, newest)
    elif newest.status.startswith("warning"):
        escalated = replace(newest, status="needs_response", is_charge_refundable=False)
        book.changed("charge.dispute.updated", escalated)
        book.tell("charge.dispute.funds_withdrawn", escalated)
    else:
        again = replace(newest, status="needs_response")
        book.changed("charge.dispute.updated", again)
