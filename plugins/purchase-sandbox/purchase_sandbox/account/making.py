"""Customers, prices and the like: what is made by being asked for, and does not change afterwards."""

from __future__ import annotations

from typing import get_args

import attrs

from purchase_core.calendar import Unit
from purchase_core.currencies import DECIMALS

from .book import Book
from .checkout import check_url
from .objects import Customer, Discount, PortalSession, Price, Product, Subscription
from .refusal import invalid, missing
from .requests import (
    ChangePrice,
    ChangeProduct,
    MakeCustomer,
    MakeDiscount,
    MakePortalSession,
    MakePrice,
    MakeProduct,
)


def make_customer(book: Book, request: MakeCustomer) -> Customer:
    """A new customer, whoever else has the same e-mail."""
    made = Customer(id=book.new_id("cus"), email=request.email, metadata=request.metadata)
    return book.tell("customer.created", made)


def make_product(book: Book, request: MakeProduct) -> Product:
    """A new product."""
    made = Product(id=book.new_id("prod"), name=request.name, metadata=request.metadata)
    return book.tell("product.created", made)


def change_product(book: Book, identifier: str, request: ChangeProduct) -> Product:
    """Another name, archived or not, more metadata."""
    known = book.get(Product, identifier)
    changed = attrs.evolve(
        known,
        name=request.name or known.name,
        active=known.active if request.active is None else request.active,
        metadata={**known.metadata, **request.metadata},
    )
    return book.tell("product.updated", changed)


def change_price(book: Book, identifier: str, request: ChangePrice) -> Price:
    """Archived or not, more metadata."""
    known = book.get(Price, identifier)
    changed = attrs.evolve(
        known,
        active=known.active if request.active is None else request.active,
        metadata={**known.metadata, **request.metadata},
    )
    return book.tell("price.updated", changed)


def make_price(book: Book, request: MakePrice) -> Price:
    """A new price."""
    if (request.product is None) == (request.product_name is None):
        raise invalid("a price has one of product and product_name")
    product = book.get(Product, request.product) if request.product else None
    if request.currency not in DECIMALS:
        raise invalid("currency must be an ISO 4217 code")
    if request.interval is not None and request.interval not in get_args(Unit):
        raise invalid("interval must be day, week, month or year")
    made = Price(
        id=book.new_id("price"),
        product=request.product,
        product_name=product.name if product else request.product_name or "",
        unit_amount=request.unit_amount,
        currency=request.currency,
        interval=request.interval,
        interval_count=request.interval_count,
        metadata=request.metadata,
    )
    return book.tell("price.created", made)


def make_discount(book: Book, request: MakeDiscount) -> Discount:
    """A new discount. Raises Refusal if the code is taken."""
    if any(one.code == request.code for one in book.all(Discount)):
        raise invalid("there is a discount with that code already")
    made = Discount(
        id=book.new_id("dsc"), percent_off=request.percent_off, code=request.code, metadata=request.metadata
    )
    return book.tell("discount.created", made)


def make_portal(book: Book, request: MakePortalSession, page: str) -> PortalSession:
    """A page for a customer. `page` is the address of such pages, to which the id is added."""
    book.get(Customer, request.customer)
    if (request.flow == "overview") != (request.subscription is None):
        raise invalid("the overview is of all subscriptions, and every other flow of one")
    if request.subscription and book.get(Subscription, request.subscription).customer != request.customer:
        raise missing("subscription of this customer")
    if request.return_url is not None:
        check_url(request.return_url)
    identifier = book.new_id("ps")
    made = PortalSession(
        id=identifier,
        url=page + identifier,
        customer=request.customer,
        flow=request.flow,
        subscription=request.subscription,
        return_url=request.return_url,
    )
    return book.tell("portal_session.created", made)
