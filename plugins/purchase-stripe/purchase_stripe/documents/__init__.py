"""Stripe's objects, as far as the adapter reads them. Fields that it does not know are passed over.

Instants are integer seconds since the epoch, amounts integer minor units, currencies in lower case. Enums are
open: a word that this code has never heard of is data. What can be expanded is an id or an object with one.
"""

from __future__ import annotations

from .catalog import CatalogPrice, Product
from .events import Event, Related, ThinEvent
from .invoices import (
    Dispute,
    Intent,
    Invoice,
    InvoicePayments,
    Line,
    LineParent,
    OfInvoice,
    Preview,
    Pricing,
    Refund,
)
from .parts import Head, Page, name_of
from .sessions import Customer, Endpoint, Portal, Session
from .subscriptions import Item, Price, Recurring, Schedule, Subscription

__all__ = [
    "CatalogPrice",
    "Customer",
    "Dispute",
    "Endpoint",
    "Event",
    "Head",
    "Intent",
    "Invoice",
    "InvoicePayments",
    "Item",
    "Line",
    "LineParent",
    "OfInvoice",
    "Page",
    "Portal",
    "Preview",
    "Price",
    "Pricing",
    "Product",
    "Recurring",
    "Refund",
    "Related",
    "Schedule",
    "Session",
    "Subscription",
    "ThinEvent",
    "name_of",
]
