"""Checkouts: a transaction, paid on a page of ours (`page.py`).

An open transaction can be neither cancelled nor expired; the page refuses one that was superseded, and one
that is paid all the same is found by its reference. Where the buyer goes afterwards, and whether the page
takes codes, travels in custom_data.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from purchase_core.ports.provider import CheckoutRequest, Connection

from . import documents, reference
from .client import PaddleClient, Query
from .config import PaddleConfig

PER_PAGE = 30
SUCCESS_URL, CANCEL_URL = "purchase_success_url", "purchase_cancel_url"
CODES, YES = "purchase_codes", "yes"  # whether the buyer may type a promotion code
CLOCK_SKEW = timedelta(hours=1)
_UUID7 = re.compile(r"[a-z]{1,32}_([0-9a-f]{12})7[0-9a-f]{3}[89ab][0-9a-f]{15}")


def fields(request: CheckoutRequest, connection: Connection, config: PaddleConfig) -> dict[str, object]:
    """The transaction for a checkout."""
    found: dict[str, object] = {
        "items": [{"price_id": request.price, "quantity": request.quantity}],
        "custom_data": {
            **request.reference.metadata(connection),
            SUCCESS_URL: request.success_url,
            CANCEL_URL: request.cancel_url,
            **({CODES: YES} if request.promotion_codes else {}),
        },
        "collection_mode": "automatic",
    }
    if request.customer:
        found["customer_id"] = request.customer
    if request.discount:
        found["discount_id"] = request.discount
    if config.checkout_url:
        found["checkout"] = {"url": page_url(config.checkout_url, request.locale)}
    return found


def page_url(checkout_url: str, locale: str) -> str:
    """The page of ours, in the buyer's language; Paddle adds the transaction to it."""
    return f"{checkout_url}?{urlencode({'locale': locale})}" if locale else checkout_url


async def find(client: PaddleClient, connection: Connection, attempt: str) -> documents.Transaction | None:
    """The transaction that carries an attempt of ours, newest first.

    Our ids tell when they were made, so that the list is no longer than what was opened since.
    """
    query: Query = [("origin", "api"), ("order_by", "id[DESC]")]
    since = _made_at(attempt)
    if since is not None:
        query = [*query, ("created_at[GTE]", (since - CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%SZ"))]
    async for one in client.rows("/transactions", query, documents.Transaction, PER_PAGE):
        if reference.ours(one.custom_data, connection).attempt == attempt:
            return one
    return None


def _made_at(attempt: str) -> datetime | None:
    matched = _UUID7.fullmatch(attempt)
    return datetime.fromtimestamp(int(matched[1], 16) / 1_000, UTC) if matched else None
