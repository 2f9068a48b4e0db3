"""What subscriptions and checkouts are both asked for: trials, taxes, discounts."""

from __future__ import annotations

from typing import Literal

from .book import Book
from .discounts import redeem, usable_code, usable_coupon
from .forms import Params
from .objects.catalog import Coupon
from .objects.subscriptions import Subscription

TRIAL_DAYS_MAX = 730


class EndBehaviorParams(Params, frozen=True, kw_only=True):
    """`trial_settings[end_behavior]`."""

    missing_payment_method: Literal["cancel", "create_invoice", "pause"]


class TrialParams(Params, frozen=True, kw_only=True):
    """`trial_settings`."""

    end_behavior: EndBehaviorParams


class EnabledParams(Params, frozen=True, kw_only=True):
    """`automatic_tax`."""

    enabled: bool


class DiscountParams(Params, frozen=True, kw_only=True):
    """`discounts[]`."""

    coupon: str | None = None
    promotion_code: str | None = None
    discount: str | None = None


def discounts(book: Book, subscription: Subscription, asked: list[DiscountParams] | None) -> tuple[str, ...]:
    """Discounts as they are asked for. Raises Refusal on one that cannot be had."""
    found = []
    for place, one in enumerate(asked or []):
        if one.discount:
            found.append(one.discount)
            continue
        code = None
        if one.promotion_code:
            param = f"discounts[{place}][promotion_code]"
            code = usable_code(book, one.promotion_code, subscription.customer, param)
            coupon = book.get(Coupon, code.promotion.coupon)
        else:
            coupon = usable_coupon(book, one.coupon or "", f"discounts[{place}][coupon]")
        made = redeem(
            book,
            coupon,
            code,
            customer=subscription.customer,
            session=None,
            subscription=subscription.id,
            invoice=None,
        )
        found.append(made.id)
    return tuple(found)


def missing_method(asked: TrialParams | None) -> str:
    """What a trial's end does where there is no payment method."""
    return asked.end_behavior.missing_payment_method if asked else "create_invoice"
