"""Changing a subscription: the whole list of items, how the difference is billed, and what that would cost.

Sources: api-reference/subscriptions (update, preview), concepts/subscriptions/proration ("to the minute"),
errors/subscriptions. What is left out of the list is removed. Items change at once in every mode; the mode
says what is charged, and when. A charge that fails changes nothing, unless `apply_change` was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import cast

import attrs
from msgspec import UNSET

from purchase_core.instants import MINUTE, Instant

from . import adjustments, allowed
from .amounts import Line, details, split, unit_price
from .book import Book
from .refusal import bad
from .renewing import billed, chargeable, collect, limited, refuse_if_declined
from .requests import Charge, Subscription
from .shapes import Document, snapshot
from .stamps import after, written
from .stamps import read as read_instant
from .transactions import country_of

IMMEDIATELY = "immediately"
FULL = "full"
RATE_DIGITS = 5


@attrs.frozen
class Plan:
    """What a change comes to, before anything is done. `credits` are what removed items give back."""

    items: list[Document]
    charges: list[Line]
    credits: list[Line]
    mode: str
    starts: Instant
    ends: Instant
    new_cycle: bool

    @property
    def immediate(self) -> bool:
        """Whether it is billed now."""
        return self.mode.endswith(IMMEDIATELY)


def update(book: Book, subscription: str, asked: Subscription) -> Document:
    """PATCH /subscriptions/{id}."""
    document = book.find("sub", subscription)
    planned = _checked(book, document, asked)
    if planned is not None:
        _carry_out(book, document, planned, asked.on_payment_failure)
    _set_fields(book, document, asked)
    return book.changed(document, "subscription.updated")


def preview(book: Book, subscription: str, asked: Subscription) -> Document:
    """PATCH /subscriptions/{id}/preview. Nothing is kept."""
    document = book.find("sub", subscription)
    return _previewed(book, document, _checked(book, document, asked))


def charge_preview(book: Book, subscription: str, asked: Charge) -> Document:
    """POST /subscriptions/{id}/charge/preview: what a charge would do to the bill of now, or the next one."""
    document, lines = chargeable(book, subscription, asked)
    held = document["current_billing_period"]
    starts, ends = (read_instant(name, held[name]) for name in ("starts_at", "ends_at"))
    mode = f"{FULL}_{asked.effective_from}"
    planned = Plan(document["items"], lines, [], mode, starts, ends, new_cycle=False)
    return _previewed(book, document, planned)


def _previewed(book: Book, document: Document, planned: Plan | None) -> Document:
    after_: Document = snapshot(document)
    country = country_of(book, document)
    summary, now_bill = None, None
    if planned is not None:
        after_["items"] = planned.items
        charge, credit = _sum(book, document, planned.charges), _sum(book, document, planned.credits)
        summary = _summary(charge, credit, document["currency_code"])
        if planned.immediate and planned.charges:
            now_bill = _bill(book, document, planned.charges, planned, credit)
    lines = [Line(item["price"], item["quantity"]) for item in after_["items"]]
    recurring = details(book, lines, country=country, currency=document["currency_code"], ids=False)
    later = list(lines)
    if planned is not None and not planned.immediate:
        later += planned.charges
    ends = planned.ends if planned else read_instant("ends_at", document["next_billed_at"])
    next_bill = {
        "billing_period": {
            "starts_at": written(ends),
            "ends_at": written(after(ends, after_["billing_cycle"])),
        },
        "details": details(book, later, country=country, currency=document["currency_code"], ids=False),
        "adjustments": [],
    }
    del after_["id"]
    return after_ | {
        "next_billed_at": written(ends),
        "immediate_transaction": now_bill,
        "next_transaction": next_bill,
        "recurring_transaction_details": recurring,
        "update_summary": summary,
    }


def _checked(book: Book, document: Document, asked: Subscription) -> Plan | None:
    """What a request would do to the items; None if it leaves them. Raises Refusal."""
    allowed.check_fields(document, asked)
    if asked.items is UNSET:
        if asked.next_billed_at is not UNSET:
            _check_date(book, document, asked)
        return None
    mode = allowed.checked_mode(document, asked)
    planned = plan(book, document, allowed.items(book, document, asked.items), mode)
    if planned.credits and adjustments.refund_pending(book, document["id"]):
        raise bad(
            "subscription_outstanding_pending_refund",
            "You are unable to make further changes to this subscription while there is a pending refund "
            "request",
        )
    return planned


def plan(book: Book, document: Document, items: list[Document], mode: str) -> Plan:
    """What it comes to when the items become these, by a proration mode."""
    cycle = next(item["price"]["billing_cycle"] for item in items)
    now = book.now()
    held = document["current_billing_period"]
    if held is None or mode == allowed.NOTHING:
        ends = read_instant("ends_at", held["ends_at"]) if held else now
        return Plan(items, [], [], mode, now, ends, new_cycle=False)
    starts, ends = (read_instant(name, held[name]) for name in ("starts_at", "ends_at"))
    new_cycle = cycle != document["billing_cycle"]
    left = _share(now, starts, ends)
    had = {item["price"]["id"]: item for item in document["items"]}
    has = {item["price"]["id"]: item for item in items}
    period = {"starts_at": written(now), "ends_at": written(ends)}
    note = {"rate": f"{float(left):.{RATE_DIGITS}f}".rstrip("0").rstrip("."), "billing_period": period}
    share = Fraction(1) if new_cycle or mode.startswith(FULL) else left
    charges, credits_ = [], []
    for identifier, item in has.items():
        before = 0 if new_cycle else had.get(identifier, {"quantity": 0})["quantity"]
        if item["quantity"] > before:
            proration = note if share != 1 else None
            charges.append(Line(item["price"], item["quantity"] - before, share=share, proration=proration))
    for identifier, item in had.items():
        now_has = 0 if new_cycle else has.get(identifier, {"quantity": 0})["quantity"]
        if item["quantity"] > now_has and not mode.startswith(FULL):
            credits_.append(Line(item["price"], item["quantity"] - now_has, share=left, proration=note))
    if new_cycle:
        return Plan(items, charges, credits_, mode, now, after(now, cycle), new_cycle=True)
    return Plan(items, charges, credits_, mode, starts, ends, new_cycle=False)


def _carry_out(book: Book, document: Document, planned: Plan, on_failure: str) -> None:
    charge, credit = _sum(book, document, planned.charges), _sum(book, document, planned.credits)
    due = planned.immediate and charge > credit
    if due:
        limited(book, document)
        refuse_if_declined(book, document, on_failure)
    document["items"] = planned.items
    note = book.note(document["id"])
    if planned.new_cycle:
        document["billing_cycle"] = planned.items[0]["price"]["billing_cycle"]
        note |= {"anchor": planned.starts, "periods": 1}
    if document["current_billing_period"]:
        document["current_billing_period"] = {
            "starts_at": written(planned.starts),
            "ends_at": written(planned.ends),
        }
        document["next_billed_at"] = written(planned.ends)
        for item in document["items"]:
            item["next_billed_at"] = written(planned.ends)
    if not planned.immediate:
        note["pending"] = [*cast("list[Line]", note.get("pending", [])), *planned.charges]
    if credit:
        adjustments.credit_for(book, document, planned.credits, credit)
    if credit > charge or not planned.immediate:
        _give(book, document, credit if not planned.immediate else credit - charge)
    if planned.immediate and planned.charges:
        items = [
            {
                "price_id": one.price["id"],
                "price": one.price,
                "quantity": one.quantity,
                "proration": one.proration,
            }
            for one in planned.charges
        ]
        used = min(credit, charge)
        bill = billed(book, document, items, planned.charges, "subscription_update", used)
        book.changed(document, "subscription.updated")
        collect(book, document, bill)


def _set_fields(book: Book, document: Document, asked: Subscription) -> None:
    if asked.scheduled_change is None:
        document["scheduled_change"] = None
    if asked.custom_data is not UNSET:
        document["custom_data"] = asked.custom_data
    if asked.next_billed_at is not UNSET:
        at = read_instant("next_billed_at", asked.next_billed_at)
        book.note(document["id"]).update(anchor=at, periods=0)
        document["next_billed_at"] = written(at)
        document["current_billing_period"] = document["current_billing_period"] | {"ends_at": written(at)}
        for item in document["items"]:
            item["next_billed_at"] = written(at)
            if item["trial_dates"]:
                item["trial_dates"] = item["trial_dates"] | {"ends_at": written(at)}
    if asked.discount is not UNSET:
        document["discount"] = None
        if asked.discount is not None:
            book.find("dsc", asked.discount.id)
            document["discount"] = {
                "id": asked.discount.id,
                "starts_at": written(book.now()),
                "ends_at": None,
            }


def _check_date(book: Book, document: Document, asked: Subscription) -> None:
    at = read_instant("next_billed_at", cast("str", asked.next_billed_at))
    if at < book.now() + 30 * MINUTE:
        raise bad("subscription_next_billed_at_too_soon", "next_billed_at is within 30 minutes")
    if document["status"] == "active" and asked.proration_billing_mode is UNSET:
        raise bad(
            "subscription_items_update_missing_proration_billing_mode",
            "proration_billing_mode is required when the date is updated",
        )


def _share(now: Instant, starts: Instant, ends: Instant) -> Fraction:
    """What is left of a period, to the minute."""
    minutes = max((ends - starts) // MINUTE, 1)
    return Fraction(max((ends - now) // MINUTE, 0), minutes)


def _sum(book: Book, document: Document, lines: Sequence[Line]) -> int:
    country, currency = country_of(book, document), document["currency_code"]
    total = 0
    for line in lines:
        unit = int(unit_price(line.price, country, currency) * line.share + Fraction(1, 2))
        total += sum(split(book, line.price, unit * line.quantity, country))
    return total


def _bill(book: Book, document: Document, lines: Sequence[Line], planned: Plan, credit: int) -> Document:
    found = details(
        book,
        lines,
        country=country_of(book, document),
        currency=document["currency_code"],
        ids=False,
        credit=credit,
    )
    period = {"starts_at": written(planned.starts), "ends_at": written(planned.ends)}
    return {"billing_period": period, "details": found, "adjustments": []}


def _summary(charge: int, credit: int, currency: str) -> Document:
    return {
        "credit": {"amount": str(credit), "currency_code": currency},
        "charge": {"amount": str(charge), "currency_code": currency},
        "result": {
            "action": "charge" if charge >= credit else "credit",
            "amount": str(abs(charge - credit)),
            "currency_code": currency,
        },
    }


def _give(book: Book, document: Document, amount: int) -> None:
    balances = cast("dict[str, int]", book.note(document["customer_id"]).setdefault("balance", {}))
    balances[document["currency_code"]] = balances.get(document["currency_code"], 0) + amount
