"""Customers and prices: what is made by being asked for, and does not change afterwards."""

from __future__ import annotations

from typing import get_args

from purchase_core.calendar import Unit
from purchase_core.currencies import DECIMALS

from .book import Book
from .objects import Customer, Price
from .refusal import invalid
from .requests import MakeCustomer, MakePrice


def make_customer(book: Book, request: MakeCustomer) -> Customer:
    """A new customer, whoever else has the same e-mail."""
    made = Customer(id=book.new_id("cus"), email=request.email, metadata=request.metadata)
    return book.tell("customer.created", made)


def make_price(book: Book, request: MakePrice) -> Price:
    """A new price."""
    if request.currency not in DECIMALS:
        raise invalid("currency must be an ISO 4217 code")
    if request.interval is not None and request.interval not in get_args(Unit):
        raise invalid("interval must be day, week, month or year")
    made = Price(
        id=book.new_id("price"),
        product_name=request.product_name,
        unit_amount=request.unit_amount,
        currency=request.currency,
        interval=request.interval,
        interval_count=request.interval_count,
        metadata=request.metadata,
    )
    return book.tell("price.created", made)
