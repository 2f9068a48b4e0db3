"""Credit notes: https://docs.stripe.com/api/credit_notes. They lower what is due, and give back the rest."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from . import metadata as meta
from .billing import intent_of, paid
from .book import Book
from .call import Answered, Call, Routes
from .charging import CANCELABLE, cancel_intent
from .forms import Params
from .objects.credit_notes import CreditNote, CreditNoteLine
from .objects.customers import Customer
from .objects.invoices import Invoice, InvoicePayment, Line
from .objects.payments import Refund
from .objects.thing import Hidden, Json, WireList
from .paging import ListParams, newest_first, page
from .refunds import MakeRefund, refund_of
from .refusal import invalid, wrong_state

REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")
CREDITED = ("open", "paid", "uncollectible")


class BalanceEntry(Hidden, frozen=True, kw_only=True):
    """What was put on a customer's balance. It has an id, and no call shows it here."""

    prefix = "cbtxn"


class LineParams(Params, frozen=True, kw_only=True):
    """`lines[]`: of a line of the invoice, or of one's own."""

    type: str
    invoice_line_item: str | None = None
    amount: int | None = None
    quantity: int | None = None
    unit_amount: int | None = None
    description: str | None = None


class RefundParams(Params, frozen=True, kw_only=True):
    """`refunds[]`: refunds that were made already."""

    refund: str
    amount_refunded: int | None = None
    type: str = "refund"


class MakeCreditNote(Params, frozen=True, kw_only=True):
    """POST /v1/credit_notes, and its preview."""

    invoice: str
    amount: int | None = None
    lines: list[LineParams] = []
    refund_amount: int | None = None
    credit_amount: int | None = None
    out_of_band_amount: int | None = None
    refunds: list[RefundParams] = []
    reason: str | None = None
    memo: str | None = None
    metadata: meta.Asked = UNSET


class ChangeCreditNote(Params, frozen=True, kw_only=True):
    """POST /v1/credit_notes/{id}: its amounts stay."""

    memo: str | None = None
    metadata: meta.Asked = UNSET


class ListCreditNotes(ListParams, frozen=True, kw_only=True):
    """GET /v1/credit_notes."""

    invoice: str | None = None
    customer: str | None = None


def make_credit_note(call: Call) -> Answered:
    """First off what is due of the invoice; what is above that is refunded, credited, or paid elsewhere."""
    asked, book = call.params(MakeCreditNote), call.book
    note, invoice = _composed(book, asked, call.pages)
    refunds = tuple(_linked(book, one) for one in asked.refunds)
    if asked.refund_amount:
        made = refund_of(book, MakeRefund(payment_intent=_intent(book, invoice), amount=asked.refund_amount))
        refunds = (*refunds, {"amount_refunded": made.amount, "refund": made.id, "type": "refund"})
    entry = _balance(book, note.customer, asked.credit_amount or 0)
    note = replace(note, refunds=refunds, customer_balance_transaction=entry)
    book.made("credit_note.created", note)
    changed = replace(
        invoice,
        amount_remaining=invoice.amount_remaining - note.pre_payment_amount,
        amount_due=invoice.amount_due - note.pre_payment_amount,
        pre_payment_credit_notes_amount=invoice.pre_payment_credit_notes_amount + note.pre_payment_amount,
        post_payment_credit_notes_amount=invoice.post_payment_credit_notes_amount + note.post_payment_amount,
    )
    book.changed("invoice.updated", changed)
    if changed.status == "open" and note.pre_payment_amount:
        _ask_for_less(book, changed)
    return note


def preview_credit_note(call: Call) -> Answered:
    """What it would be. Nothing is kept, and nobody is told."""
    note, _ = _composed(call.book, call.params(MakeCreditNote), call.pages)
    return note


def change_credit_note(call: Call) -> Answered:
    asked, book = call.params(ChangeCreditNote), call.book
    known = book.get(CreditNote, call.id)
    memo = known.memo if asked.memo is None else asked.memo
    metadata = meta.merged(known.metadata, asked.metadata)
    return book.changed("credit_note.updated", replace(known, memo=memo, metadata=metadata))


def void_credit_note(call: Call) -> Answered:
    """Only while its invoice is open: what it took off is due again."""
    call.params(Params)
    book = call.book
    note = book.get(CreditNote, call.id)
    invoice = book.get(Invoice, note.invoice)
    if note.status == "void" or invoice.status != "open":
        raise wrong_state(f"You cannot void credit note {note.id}: its invoice is not open, or it is void.")
    book.put(
        replace(
            invoice,
            amount_remaining=invoice.amount_remaining + note.pre_payment_amount,
            amount_due=invoice.amount_due + note.pre_payment_amount,
            pre_payment_credit_notes_amount=invoice.pre_payment_credit_notes_amount - note.pre_payment_amount,
        )
    )
    return book.changed("credit_note.voided", replace(note, status="void", voided_at=book.now()))


def list_credit_notes(call: Call) -> Answered:
    asked = call.params(ListCreditNotes)
    rows = [
        one
        for one in newest_first(call.book.all(CreditNote))
        if asked.invoice in (None, one.invoice) and asked.customer in (None, one.customer)
    ]
    return page(rows, asked, lambda one: one.id)


def list_lines(call: Call) -> Answered:
    note = call.book.get(CreditNote, call.id)
    return page(list(note.lines.data), call.params(ListParams), lambda one: one.id)


def _composed(book: Book, asked: MakeCreditNote, pages: str) -> tuple[CreditNote, Invoice]:
    """The note as it would be, and its invoice. Raises Refusal."""
    invoice = book.get(Invoice, asked.invoice, "invoice")
    if invoice.status not in CREDITED or invoice.customer is None:
        raise wrong_state(f"Credit notes are issued for finalized invoices; this one is {invoice.status}.")
    if asked.reason is not None and asked.reason not in REASONS:
        raise invalid(f"Invalid reason: must be one of {', '.join(REASONS)}", "reason")
    lines = _lines(book, invoice, asked)
    total = sum(one.amount for one in lines)
    before = invoice.pre_payment_credit_notes_amount + invoice.post_payment_credit_notes_amount
    if not 0 < total <= invoice.total - before:
        raise invalid("The sum of credit notes must be positive, and at most the invoice's total.", "amount")
    off = min(total, invoice.amount_remaining) if invoice.status == "open" else 0
    back = total - off
    given = [asked.refund_amount, asked.credit_amount, asked.out_of_band_amount]
    given += [one.amount_refunded or book.get(Refund, one.refund, "refunds").amount for one in asked.refunds]
    if sum(one or 0 for one in given) != back:
        raise invalid(
            "The sum of credit amount, refund amount and out of band amount must equal the post payment "
            f"credit note amount ({back}).",
            "refund_amount",
        )
    identifier = book.new_id(CreditNote)
    number = 1 + sum(one.invoice == invoice.id for one in book.all(CreditNote))
    note = CreditNote(
        id=identifier,
        amount=total,
        created=book.now(),
        currency=invoice.currency,
        customer=invoice.customer,
        effective_at=book.now(),
        invoice=invoice.id,
        lines=WireList(data=lines, url=f"/v1/credit_notes/{identifier}/lines"),
        memo=asked.memo,
        metadata=meta.merged({}, asked.metadata),
        number=f"{invoice.number}-CN-{number:02}",
        out_of_band_amount=asked.out_of_band_amount,
        pdf=f"{pages}/credit_notes/{identifier}/pdf",
        post_payment_amount=back,
        pre_payment_amount=off,
        reason=asked.reason,
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        type="mixed" if off and back else "post_payment" if back else "pre_payment",
    )
    return note, invoice


def _lines(book: Book, invoice: Invoice, asked: MakeCreditNote) -> tuple[CreditNoteLine, ...]:
    if (asked.amount is None) == (not asked.lines):
        raise invalid("One of amount and lines must be given.", "amount", "parameter_missing")
    if asked.amount is not None:
        return (_line(book, asked.amount, "custom_line_item", "Credit"),)
    found = {one.id: one for one in invoice.lines.data}
    return tuple(_line_of(book, found, one) for one in asked.lines)


def _line_of(book: Book, lines: dict[str, Line], asked: LineParams) -> CreditNoteLine:
    if asked.type == "custom_line_item":
        amount = (asked.unit_amount or 0) * (asked.quantity or 1)
        return _line(book, amount, asked.type, asked.description)
    line = lines.get(asked.invoice_line_item or "")
    if line is None:
        raise invalid("No such line of this invoice.", "lines[invoice_line_item]", "resource_missing")
    share = line.amount if asked.quantity is None else line.amount * asked.quantity // line.quantity
    amount = share if asked.amount is None else asked.amount
    if not 0 < amount <= line.amount:
        raise invalid("A line is credited up to its amount.", "lines[amount]")
    return replace(_line(book, amount, asked.type, line.description), invoice_line_item=line.id)


def _line(book: Book, amount: int, kind: str, description: str | None) -> CreditNoteLine:
    return CreditNoteLine(
        id=book.new_id(CreditNoteLine),
        amount=amount,
        description=description,
        type=kind,
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )


def _linked(book: Book, asked: RefundParams) -> Json:
    refund = book.get(Refund, asked.refund, "refunds")
    amount = refund.amount if asked.amount_refunded is None else asked.amount_refunded
    return {"amount_refunded": amount, "refund": refund.id, "type": "refund"}


def _intent(book: Book, invoice: Invoice) -> str:
    """What has paid the invoice."""
    payments: Sequence[InvoicePayment] = [
        one for one in book.all(InvoicePayment) if one.invoice == invoice.id and one.status == "paid"
    ]
    if not payments:
        raise wrong_state("This invoice has no payment that could be refunded.", param="refund_amount")
    return str(payments[-1].payment["payment_intent"])


def _ask_for_less(book: Book, invoice: Invoice) -> None:
    """What is asked for is what is left; nothing is left: it is paid."""
    intent = intent_of(book, invoice)
    if not invoice.amount_remaining:
        if intent is not None and intent.status in CANCELABLE:
            cancel_intent(book, intent, "void_invoice")
        paid(book, invoice, 0)
    elif intent is not None:
        book.put(replace(intent, amount=invoice.amount_remaining))


def _balance(book: Book, customer: str, amount: int) -> str | None:
    """Put something on the customer's balance, which their next invoices are paid from."""
    if not amount:
        return None
    known = book.get(Customer, customer)
    book.changed("customer.updated", replace(known, balance=known.balance - amount))
    return book.put(BalanceEntry(id=book.new_id(BalanceEntry))).id


ROUTES: Routes = (
    ("GET", "/v1/credit_notes", list_credit_notes),
    ("POST", "/v1/credit_notes", make_credit_note),
    ("GET", "/v1/credit_notes/preview", preview_credit_note),
    ("GET", "/v1/credit_notes/{id}", lambda call: call.book.get(CreditNote, call.id)),
    ("POST", "/v1/credit_notes/{id}", change_credit_note),
    ("GET", "/v1/credit_notes/{id}/lines", list_lines),
    ("POST", "/v1/credit_notes/{id}/void", void_credit_note),
)
