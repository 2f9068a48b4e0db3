"""Coupons, promotion codes, and how much they take off: https://docs.stripe.com/api/coupons."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from purchase_core.calendar import Interval, period_start
from purchase_core.instants import SECOND, Instant

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .forms import Params
from .objects.catalog import Coupon, Discount, DiscountSource, Promotion, PromotionCode
from .objects.customers import Customer
from .paging import ListParams, newest_first, page
from .refusal import invalid, wrong_state

DURATIONS = ("forever", "once", "repeating")
CODE_LETTERS = 8


class MakeCoupon(Params, frozen=True, kw_only=True):
    """POST /v1/coupons."""

    id: str | None = None
    amount_off: int | None = None
    currency: str | None = None
    percent_off: float | None = None
    duration: str = "once"
    duration_in_months: int | None = None
    max_redemptions: int | None = None
    name: str | None = None
    redeem_by: int | None = None
    metadata: meta.Asked = UNSET


class PromotionParams(Params, frozen=True, kw_only=True):
    """`promotion` of a promotion code."""

    coupon: str
    type: str


class MakeCode(Params, frozen=True, kw_only=True):
    """POST /v1/promotion_codes."""

    promotion: PromotionParams
    code: str | None = None
    active: bool = True
    customer: str | None = None
    expires_at: int | None = None
    max_redemptions: int | None = None
    metadata: meta.Asked = UNSET


class ChangeCode(Params, frozen=True, kw_only=True):
    """POST /v1/promotion_codes/{id}."""

    active: bool | UnsetType = UNSET
    metadata: meta.Asked = UNSET


class ListCodes(ListParams, frozen=True, kw_only=True):
    """GET /v1/promotion_codes."""

    active: bool | None = None
    code: str | None = None
    coupon: str | None = None


def make_coupon(call: Call) -> Answered:
    """Either an amount in a currency or a percentage."""
    asked, book = call.params(MakeCoupon), call.book
    if (asked.amount_off is None) == (asked.percent_off is None):
        raise invalid("Must provide exactly one of percent_off and amount_off.", "percent_off")
    if asked.percent_off is not None and not 0 < asked.percent_off <= 100:  # noqa: PLR2004  # percent
        raise invalid("percent_off must be above 0 and at most 100.", "percent_off")
    if asked.amount_off is not None and (asked.amount_off < 1 or not asked.currency):
        raise invalid("amount_off needs a positive amount and a currency.", "amount_off")
    if asked.duration not in DURATIONS or (asked.duration == "repeating") != bool(asked.duration_in_months):
        raise invalid("duration_in_months goes with duration=repeating.", "duration")
    if asked.id is not None and book.find(Coupon, asked.id):
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    coupon = Coupon(
        id=asked.id or book.ids.new("co").removeprefix("co_")[:8],
        amount_off=asked.amount_off,
        created=book.now(),
        currency=asked.currency.lower() if asked.currency else None,
        duration=asked.duration,
        duration_in_months=asked.duration_in_months,
        max_redemptions=asked.max_redemptions,
        metadata=meta.merged({}, asked.metadata),
        name=asked.name,
        percent_off=asked.percent_off,
        redeem_by=asked.redeem_by,
    )
    return book.made("coupon.created", coupon)


def make_code(call: Call) -> Answered:
    """A code is unique among the active ones."""
    asked, book = call.params(MakeCode), call.book
    coupon = book.get(Coupon, asked.promotion.coupon, "promotion[coupon]")
    code = asked.code or book.ids.new("co").removeprefix("co_")[:CODE_LETTERS].upper()
    if any(one.active and one.code.lower() == code.lower() for one in book.all(PromotionCode)):
        raise invalid("An active promotion code with that code already exists.", "code")
    if asked.customer:
        book.get(Customer, asked.customer, "customer")
    made = PromotionCode(
        id=book.new_id(PromotionCode),
        active=asked.active,
        code=code,
        created=book.now(),
        customer=asked.customer,
        expires_at=asked.expires_at,
        max_redemptions=asked.max_redemptions,
        metadata=meta.merged({}, asked.metadata),
        promotion=Promotion(coupon=coupon.id),
    )
    return book.made("promotion_code.created", made)


def change_code(call: Call) -> Answered:
    asked, book = call.params(ChangeCode), call.book
    known = book.get(PromotionCode, call.id)
    active = known.active if isinstance(asked.active, UnsetType) else asked.active
    changed = replace(known, active=active, metadata=meta.merged(known.metadata, asked.metadata))
    return book.changed("promotion_code.updated", changed)


def list_codes(call: Call) -> Answered:
    asked = call.params(ListCodes)
    rows = [
        one
        for one in newest_first(call.book.all(PromotionCode))
        if asked.active in (None, one.active)
        and (asked.code is None or asked.code.lower() == one.code.lower())
        and asked.coupon in (None, one.promotion.coupon)
    ]
    return page(rows, asked, lambda one: one.id)


def delete_coupon(call: Call) -> Answered:
    coupon = call.book.get(Coupon, call.id)
    call.book.remove(coupon)
    call.book.tell("coupon.deleted", coupon)
    return {"id": coupon.id, "object": "coupon", "deleted": True}


def list_coupons(call: Call) -> Answered:
    asked = call.params(ListParams)
    return page(newest_first(call.book.all(Coupon)), asked, lambda one: one.id)


# --- used --------------------------------------------------------------------------------------


def usable_coupon(book: Book, coupon_id: str, param: str) -> Coupon:
    """A coupon that can be redeemed now. Raises Refusal."""
    coupon = book.get(Coupon, coupon_id, param)
    if not _live(book, coupon):
        raise wrong_state(f"Coupon {coupon.id} is expired and cannot be applied.", "coupon_expired", param)
    return coupon


def usable_code(book: Book, identifier: str, customer: str | None, param: str) -> PromotionCode:
    """A promotion code, by id, that a customer can use now. Raises Refusal."""
    code = book.get(PromotionCode, identifier, param)
    spent = code.max_redemptions is not None and code.times_redeemed >= code.max_redemptions
    over = code.expires_at is not None and code.expires_at <= book.now()
    foreign = code.customer is not None and code.customer != customer
    coupon = book.find(Coupon, code.promotion.coupon)
    if not code.active or spent or over or foreign or coupon is None or not _live(book, coupon):
        raise wrong_state("This promotion code cannot be redeemed.", "promotion_code_invalid", param)
    return code


def redeem(
    book: Book, coupon: Coupon, code: PromotionCode | None, *, customer: str | None, session: str | None,
    subscription: str | None, invoice: str | None,
) -> Discount:  # fmt: skip
    """Use a coupon for something."""
    now = book.now()
    end = None
    if coupon.duration == "repeating":
        months = Interval("month", coupon.duration_in_months or 1)
        end = period_start(Instant(now * SECOND), months, 1) // SECOND
    book.put(replace(coupon, times_redeemed=coupon.times_redeemed + 1))
    if code is not None:
        book.put(replace(code, times_redeemed=code.times_redeemed + 1))
    return book.made(
        "customer.discount.created",
        Discount(
            id=book.new_id(Discount),
            checkout_session=session,
            customer=customer,
            end=end,
            invoice=invoice,
            promotion_code=code.id if code else None,
            source=DiscountSource(coupon=coupon.id),
            start=now,
            subscription=subscription,
        ),
    )


def taken_off(coupon: Coupon, amount: int, currency: str) -> int:
    """How much a coupon takes off an amount, half up."""
    if coupon.percent_off is not None:
        ten_thousandths = round(coupon.percent_off * 100)
        return min(amount, (amount * ten_thousandths + 5_000) // 10_000)
    return min(amount, coupon.amount_off or 0) if coupon.currency == currency else 0


def _live(book: Book, coupon: Coupon) -> bool:
    spent = coupon.max_redemptions is not None and coupon.times_redeemed >= coupon.max_redemptions
    over = coupon.redeem_by is not None and coupon.redeem_by <= book.now()
    return coupon.valid and not spent and not over


ROUTES: Routes = (
    ("POST", "/v1/coupons", make_coupon),
    ("GET", "/v1/coupons", list_coupons),
    ("GET", "/v1/coupons/{id}", lambda call: call.book.get(Coupon, call.id)),
    ("DELETE", "/v1/coupons/{id}", delete_coupon),
    ("POST", "/v1/promotion_codes", make_code),
    ("GET", "/v1/promotion_codes", list_codes),
    ("GET", "/v1/promotion_codes/{id}", lambda call: call.book.get(PromotionCode, call.id)),
    ("POST", "/v1/promotion_codes/{id}", change_code),
)
