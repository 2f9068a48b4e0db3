"""Answers as JSON, with what was asked to be expanded: https://docs.stripe.com/api/expanding_objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from purchase_simulators.stripe.billing import payments_of
from purchase_simulators.stripe.book import Book
from purchase_simulators.stripe.call import Answered
from purchase_simulators.stripe.objects.catalog import CurrencyOptions
from purchase_simulators.stripe.objects.checkout import SessionPlan
from purchase_simulators.stripe.objects.payments import Refund
from purchase_simulators.stripe.objects.subscriptions import Subscription
from purchase_simulators.stripe.paging import Page
from purchase_simulators.stripe.refusal import invalid

DEPTH_MAX = 4

Document: TypeAlias = dict[str, object]


def rendered(book: Book, answered: Answered, path: str, expand: Iterable[str]) -> bytes:
    """The body of an answer. Raises Refusal on what cannot be expanded."""
    document = _document(answered, path)
    for one in expand:
        names = one.split(".")
        if len(names) > DEPTH_MAX + (names[0] == "data"):
            raise invalid(f"You cannot expand more than {DEPTH_MAX} levels of a property.", "expand")
        _expand(book, document, names, one)
    return msgspec.json.encode(document)


def _document(answered: Answered, path: str) -> Document:
    if isinstance(answered, Page):
        data = [_plain(one) for one in answered.data]
        return {"object": "list", "data": data, "has_more": answered.has_more, "url": path}
    found = _plain(answered)
    return found if isinstance(found, dict) else {}


def _plain(value: object) -> object:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    return msgspec.json.decode(msgspec.json.encode(value))


def _expand(book: Book, document: object, names: list[str], whole: str) -> None:
    if isinstance(document, list):
        for one in document:
            _expand(book, one, names, whole)
        return
    if not isinstance(document, dict) or not names:
        return
    name, *rest = names
    value = document.get(name)
    if isinstance(value, str):
        found = book.any(value)
        if found is not None:
            document[name] = _plain(found)
    elif isinstance(value, list) and value and isinstance(value[0], str):
        document[name] = [_plain(book.any(one)) for one in value]
    elif name not in document:
        include = INCLUDABLE.get((str(document.get("object")), name))
        if include is None:
            raise invalid(f"This property cannot be expanded ({whole}).", "expand")
        document[name] = _plain(include(book, str(document["id"])))
    _expand(book, document.get(name), rest, whole)


def _listed(rows: Iterable[object], url: str) -> Document:
    return {"object": "list", "data": [_plain(one) for one in rows], "has_more": False, "url": url}


def _options(book: Book, price: str) -> object:
    return book.get(CurrencyOptions, price).options


def _payments(book: Book, invoice: str) -> object:
    return _listed(payments_of(book, invoice), f"/v1/invoice_payments?invoice={invoice}")


def _refunds(book: Book, charge: str) -> object:
    return _listed([one for one in book.all(Refund) if one.charge == charge], f"/v1/charges/{charge}/refunds")


def _items(book: Book, session: str) -> object:
    return _listed(book.get(SessionPlan, session).items, f"/v1/checkout/sessions/{session}/line_items")


def _subscriptions(book: Book, customer: str) -> object:
    found = [one for one in book.all(Subscription) if one.customer == customer and one.status != "canceled"]
    return _listed(found, f"/v1/customers/{customer}/subscriptions")


INCLUDABLE: dict[tuple[str, str], Callable[[Book, str], object]] = {
    ("price", "currency_options"): _options,
    ("invoice", "payments"): _payments,
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _items,
    ("customer", "subscriptions"): _subscriptions,
}
"""What is not there until it is asked for."""
