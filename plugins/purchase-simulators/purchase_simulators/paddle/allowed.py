"""Which changes of a subscription Paddle allows, and in what state of it. Source: errors/subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from . import subscriptions
from .book import Book
from .refusal import bad, field
from .requests import Item, Subscription, given
from .shapes import Document, snapshot

NOTHING = "do_not_bill"


def check_fields(document: Document, asked: Subscription) -> None:
    """Refuse what cannot be changed now."""
    if document["status"] == "canceled":
        raise bad("subscription_update_when_canceled", "cannot update a canceled subscription")
    fields = set(given(asked, "on_payment_failure", "proration_billing_mode"))
    beside = fields - {"scheduled_change", "custom_data"}
    if "scheduled_change" in fields and (beside or document["status"] == "paused"):
        raise bad("subscription_scheduled_change_invalid_update", "a scheduled change is removed by itself")
    if document["scheduled_change"] and beside:
        raise bad(
            "subscription_locked_pending_changes", "cannot update subscription, pending scheduled changes"
        )


def checked_mode(document: Document, asked: Subscription) -> str:
    """The proration mode of a change of items. Raises Refusal."""
    status, mode = document["status"], asked.proration_billing_mode
    if status == "past_due":
        raise bad("subscription_update_when_past_due", "cannot update a past due subscription")
    if mode is UNSET:
        raise bad(
            "subscription_items_update_missing_proration_billing_mode",
            "proration_billing_mode is required when items are updated",
        )
    if status == "trialing" and mode != NOTHING:
        raise bad("subscription_trialing_items_update_invalid_options", "use do_not_bill while trialing")
    if status == "paused" and mode != NOTHING:
        raise bad("subscription_incorrect_proration_on_paused_subscription", "use do_not_bill while paused")
    return mode


def items(book: Book, document: Document, asked: Sequence[Item]) -> list[Document]:
    """The new list of items. Whatever is not named goes. Raises Refusal."""
    found = [_item(book, document, one) for one in asked]
    identifiers = [item["price"]["id"] for item in found]
    if len(set(identifiers)) != len(identifiers):
        raise bad("subscription_duplicate_price_ids", "a price stands in two items")
    recurring = [item for item in found if item["price"]["billing_cycle"]]
    if not recurring:
        raise bad("subscription_no_recurring_items_remain", "no recurring items remain")
    if any(one["price"]["billing_cycle"] != recurring[0]["price"]["billing_cycle"] for one in recurring):
        raise bad("subscription_new_items_not_valid", "items have different billing cycles")
    if document["status"] == "trialing":
        dates = document["items"][0]["trial_dates"]
        for item in recurring:
            item |= {"status": "trialing", "trial_dates": dates}
    return recurring


def _item(book: Book, document: Document, asked: Item) -> Document:
    if asked.price_id is UNSET:
        raise field("items.price_id", "the simulator takes prices of the catalog only")
    known = next((one for one in document["items"] if one["price"]["id"] == asked.price_id), None)
    if known is not None:
        quantity = known["quantity"] if asked.quantity is UNSET else asked.quantity
        found: Document = snapshot(known) | {"quantity": quantity, "updated_at": book.stamp()}
    else:
        price = next((one for one in book.rows("pri") if one["id"] == asked.price_id), None)
        if price is None or price["status"] != "active":
            raise bad("subscription_new_items_not_valid", f"items not valid: {asked.price_id}")
        if asked.quantity is UNSET:
            raise bad("subscription_quantity_missing_for_new_items", "a new item needs a quantity")
        found = subscriptions.item_of(book, document, price, asked.quantity)
        found["previously_billed_at"] = None
    bounds = found["price"]["quantity"]
    if not bounds["minimum"] <= found["quantity"] <= bounds["maximum"]:
        raise bad("subscription_quantity_not_valid", f"quantity of {asked.price_id} is out of range")
    return found
