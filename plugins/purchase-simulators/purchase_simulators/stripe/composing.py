"""What an invoice says: its lines, discounts, taxes and totals."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from msgspec import UNSET
from msgspec.structs import replace

from .book import Book
from .discounts import taken_off
from .objects.catalog import Coupon, Discount, Price
from .objects.customers import Customer
from .objects.invoices import (
    AutomaticTax,
    DiscountAmount,
    Invoice,
    InvoiceItem,
    InvoiceParent,
    Line,
    Span,
    SubscriptionDetails,
    Tax,
)
from .objects.subscriptions import Subscription
from .objects.thing import Json, Metadata, WireList

DRAFT_SECONDS = 3_600  # a renewal's invoice is a draft for about an hour


@attrs.frozen
class Draft:
    """A line that is to be. `amount` for the whole quantity; `item` is the subscription item's id."""

    price: Price
    quantity: int
    amount: int
    start: int
    end: int
    item: str = ""
    proration: bool = False
    pending: str = ""  # the id of the invoice item that has waited for this


@attrs.frozen
class Ask:
    """An invoice that is to be."""

    customer: str | None
    currency: str
    reason: str
    drafts: Sequence[Draft]
    discounts: tuple[str, ...] = ()
    taxed: bool = False
    subscription: Subscription | None = None
    metadata: Metadata = attrs.field(factory=dict)
    proration_date: int | None = None
    created: bool = True  # whether it comes to be, or is a preview


def compose(book: Book, ask: Ask) -> Invoice:
    """The invoice, as a draft that is not kept yet."""
    identifier = book.new_id(Invoice) if ask.created else f"upcoming_in_{book.ids.new('in')[3:]}"
    discounts = [book.get(Discount, one) for one in ask.discounts]
    lines = _lines(book, ask, identifier, [one for one in discounts if _runs(book, one)])
    lines = [_taxed(book, line, ask) for line in lines] if ask.taxed else lines
    taxes = _summed([tax for line in lines for tax in line.taxes])
    taken = {one.id: 0 for one in discounts}
    for line in lines:
        for one in line.discount_amounts:
            taken[one.discount] += one.amount
    subtotal = sum(line.amount for line in lines)
    exclusive = sum(tax.amount for tax in taxes if tax.tax_behavior == "exclusive")
    inclusive = sum(tax.amount for tax in taxes) - exclusive
    total = subtotal - sum(taken.values()) + exclusive
    customer = book.find(Customer, ask.customer or "")
    return Invoice(
        id=identifier,
        amount_due=max(total, 0),
        amount_remaining=max(total, 0),
        automatic_tax=_automatic_tax(ask),
        billing_reason=ask.reason,
        created=book.now(),
        currency=ask.currency,
        customer=ask.customer,
        customer_email=customer.email if customer else None,
        customer_name=customer.name if customer else None,
        discounts=ask.discounts,
        lines=WireList(data=tuple(lines), url=f"/v1/invoices/{identifier}/lines"),
        metadata=ask.metadata,
        parent=_parent(ask),
        period_end=book.now(),
        period_start=book.now(),
        status="draft",
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - inclusive,
        test_clock=customer.test_clock if customer else None,
        total=total,
        total_discount_amounts=tuple(
            DiscountAmount(amount=amount, discount=one) for one, amount in taken.items()
        ),
        total_excluding_tax=total - exclusive - inclusive,
        total_taxes=tuple(taxes),
    )


def pending_drafts(book: Book, subscription: Subscription) -> list[Draft]:
    """What waits for the subscription's next invoice."""
    found = []
    for one in book.all(InvoiceItem):
        details = (one.parent or {}).get("subscription_details")
        if one.invoice is None and isinstance(details, dict) and details["subscription"] == subscription.id:
            price = book.get(Price, str(_price_of(one.pricing)))
            item = str(details.get("subscription_item") or "")
            found.append(Draft(price, one.quantity, one.amount, one.period.start, one.period.end, item,
                               one.proration, one.id))  # fmt: skip
    return found


def loose_drafts(book: Book, customer: str) -> list[Draft]:
    """What waits for the customer's next invoice, and is of no subscription."""
    return [
        Draft(
            book.get(Price, str(_price_of(one.pricing))),
            one.quantity,
            one.amount,
            one.period.start,
            one.period.end,
            pending=one.id,
        )
        for one in book.all(InvoiceItem)
        if one.customer == customer and one.invoice is None and one.parent is None
    ]


def put_aside(book: Book, customer: str, price: Price, quantity: int, metadata: Metadata) -> InvoiceItem:
    """A line for the customer's next invoice."""
    now = book.now()
    amount = price.unit_amount * quantity
    draft = Draft(price, quantity, amount, now, now)
    return book.made(
        "invoiceitem.created",
        InvoiceItem(
            id=book.new_id(InvoiceItem),
            amount=amount,
            currency=price.currency,
            customer=customer,
            date=now,
            description=_description(book, draft),
            metadata=metadata,
            net_amount=amount,
            parent=None,
            period=Span(end=now, start=now),
            pricing=_pricing(price, draft),
            proration=False,
            quantity=quantity,
            quantity_decimal=str(quantity),
        ),
    )


def claim(book: Book, invoice: Invoice, drafts: Sequence[Draft]) -> None:
    """What waited for an invoice waits no more."""
    for draft in drafts:
        if draft.pending:
            book.put(replace(book.get(InvoiceItem, draft.pending), invoice=invoice.id))


def wait(book: Book, subscription: Subscription, drafts: Sequence[Draft]) -> None:
    """Put lines aside for the next invoice."""
    for draft in drafts:
        book.made(
            "invoiceitem.created",
            InvoiceItem(
                id=book.new_id(InvoiceItem),
                amount=draft.amount,
                currency=subscription.currency,
                customer=subscription.customer,
                date=book.now(),
                description=_description(book, draft),
                net_amount=draft.amount,
                parent={
                    "subscription_details": {
                        "subscription": subscription.id,
                        "subscription_item": draft.item,
                    },
                    "type": "subscription_details",
                },
                period=Span(end=draft.end, start=draft.start),
                pricing=_pricing(draft.price, draft),
                proration=draft.proration,
                quantity=draft.quantity,
                quantity_decimal=str(draft.quantity),
            ),
        )


def _lines(book: Book, ask: Ask, invoice: str, discounts: Sequence[Discount]) -> list[Line]:
    found = []
    left = {one.id: book.get(Coupon, one.source.coupon) for one in discounts}
    amounts_left = {name: coupon.amount_off or 0 for name, coupon in left.items()}
    for draft in ask.drafts:
        taken = []
        rest = max(draft.amount, 0)
        for name, coupon in left.items():
            off = 0 if draft.proration else taken_off(coupon, rest, ask.currency)
            if coupon.percent_off is None:
                off = min(off, amounts_left[name])
                amounts_left[name] -= off
            rest -= off
            taken.append(DiscountAmount(amount=off, discount=name))
        found.append(
            Line(
                id=book.new_id(Line),
                amount=draft.amount,
                currency=ask.currency,
                description=_description(book, draft),
                discount_amounts=tuple(taken),
                discountable=not draft.proration,
                invoice=invoice,
                metadata=ask.subscription.metadata if ask.subscription else {},
                parent=_line_parent(book, ask, draft),
                period=Span(end=draft.end, start=draft.start),
                pricing=_pricing(draft.price, draft),
                quantity=draft.quantity,
                quantity_decimal=str(draft.quantity),
                subscription=ask.subscription.id if ask.subscription else None,
                subtotal=draft.amount,
            )
        )
    return found


def _taxed(book: Book, line: Line, ask: Ask) -> Line:
    net = line.amount - sum(one.amount for one in line.discount_amounts)
    price = book.get(Price, str(_price_of(line.pricing)))
    inclusive = price.tax_behavior == "inclusive"
    percent = book.tax_percent
    amount = net - _rounded(net * 100, 100 + percent) if inclusive else _rounded(net * percent, 100)
    tax = Tax(
        amount=amount,
        tax_behavior="inclusive" if inclusive else "exclusive",
        tax_rate_details={"tax_rate": "txr_simulated"},
        taxable_amount=net - amount if inclusive else net,
    )
    return replace(line, taxes=(tax,))


def _summed(taxes: Sequence[Tax]) -> list[Tax]:
    found: dict[str, Tax] = {}
    for tax in taxes:
        known = found.get(tax.tax_behavior)
        found[tax.tax_behavior] = tax if known is None else replace(
            known, amount=known.amount + tax.amount,
            taxable_amount=(known.taxable_amount or 0) + (tax.taxable_amount or 0),
        )  # fmt: skip
    return list(found.values())


def _line_parent(book: Book, ask: Ask, draft: Draft) -> Json:
    details: Json = {
        "invoice_item": draft.pending or None,
        "proration": draft.proration,
        "proration_details": {"credited_items": None},
        "subscription": ask.subscription.id if ask.subscription else None,
    }
    if ask.subscription is None:
        details["invoice_item"] = draft.pending or book.new_id(InvoiceItem)
        return {
            "invoice_item_details": details,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    details["subscription_item"] = draft.item
    return {
        "invoice_item_details": None,
        "subscription_item_details": details,
        "type": "subscription_item_details",
    }


def _pricing(price: Price, draft: Draft) -> Json:
    unit = draft.amount // draft.quantity if draft.quantity and not draft.proration else price.unit_amount
    return {
        "price_details": {"price": price.id, "product": price.product},
        "type": "price_details",
        "unit_amount_decimal": str(unit),
    }


def _price_of(pricing: Json) -> object:
    details = pricing["price_details"]
    return details["price"] if isinstance(details, dict) else ""


def _description(book: Book, draft: Draft) -> str:
    from .objects.catalog import Product  # noqa: PLC0415  # only for its name

    name = book.get(Product, draft.price.product).name
    if not draft.proration:
        return f"{draft.quantity} × {name}"  # noqa: RUF001  # as Stripe writes it
    return f"{'Unused' if draft.amount < 0 else 'Remaining'} time on {name}"


def _automatic_tax(ask: Ask) -> AutomaticTax:
    if not ask.taxed:
        return AutomaticTax()
    return AutomaticTax(enabled=True, liability={"type": "self"}, provider="stripe", status="complete")


def _parent(ask: Ask) -> InvoiceParent | None:
    if ask.subscription is None:
        return None
    return InvoiceParent(
        subscription_details=SubscriptionDetails(
            metadata=ask.subscription.metadata,
            subscription=ask.subscription.id,
            subscription_proration_date=ask.proration_date or UNSET,
        )
    )


def _runs(book: Book, discount: Discount) -> bool:
    return discount.end is None or discount.end > book.now()


def _rounded(numerator: int, denominator: int) -> int:
    sign = 1 if numerator >= 0 else -1
    return sign * ((abs(numerator) * 2 + denominator) // (denominator * 2))
