"""Checkout sessions: https://docs.stripe.com/api/checkout/sessions."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from purchase_core.instants import DAY, SECOND

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .composing import Ask, Draft, compose
from .discounts import usable_code, usable_coupon
from .forms import Params
from .objects.catalog import Coupon, Discount, DiscountSource, Price, Product
from .objects.checkout import Item, Session, SessionDiscount, SessionPlan, SessionTax, TotalDetails
from .ordering import ChangeSession, LineParams, ListSessions, MakeSession, PriceData, SubscriptionData, check
from .paging import ListParams, newest_first, page
from .prorating import unit_amount
from .refusal import invalid, wrong_state
from .terms import TRIAL_DAYS_MAX

HOUR = 3_600
EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX = HOUR // 2, 24 * HOUR


def make_session(call: Call) -> Answered:
    """Open for 24 hours, or for as long as is asked: half an hour to a day."""
    asked, book = call.params(MakeSession), call.book
    check(book, asked)
    prices = [_price(book, one, place, asked.mode) for place, one in enumerate(asked.line_items)]
    currency = (asked.currency or prices[0].currency).lower()
    items = tuple(
        _item(book, price, one.quantity, currency, place)
        for place, (price, one) in enumerate(zip(prices, asked.line_items, strict=True))
    )
    discount, coupon, code = _discount(book, asked)
    plan = _plan(book, asked, items, coupon, code)
    now = book.now()
    expires = now + EXPIRY_SECONDS_MAX if asked.expires_at is None else asked.expires_at
    if not now + EXPIRY_SECONDS_MIN <= expires <= now + EXPIRY_SECONDS_MAX:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout "
            "Session creation.",
            "expires_at",
        )
    identifier = book.new_id(Session)
    taxed = bool(asked.automatic_tax and asked.automatic_tax.enabled)
    session = Session(
        id=identifier,
        allow_promotion_codes=asked.allow_promotion_codes,
        amount_subtotal=0,
        amount_total=0,
        automatic_tax=SessionTax(
            enabled=taxed,
            liability={"type": "self"} if taxed else None,
            provider="stripe" if taxed else None,
            status="requires_location_inputs" if taxed else None,
        ),
        cancel_url=asked.cancel_url,
        client_reference_id=asked.client_reference_id,
        created=now,
        currency=currency,
        customer=asked.customer,
        customer_creation=_creation(asked),
        customer_email=asked.customer_email,
        discounts=(discount,) if discount else (),
        expires_at=expires,
        invoice_creation=_shown_invoice_creation(asked, plan),
        locale=asked.locale,
        metadata=meta.merged({}, asked.metadata),
        mode=asked.mode,
        payment_method_collection=asked.payment_method_collection,
        success_url=asked.success_url,
        url=f"{call.pages}/c/pay/{identifier}",
    )
    book.put(replace(plan, id=identifier))
    session = book.put(with_totals(book, session))
    book.plan(expires, expire_due, identifier)
    return session


def expire_session(call: Call) -> Answered:
    """Only while it is open."""
    call.params(Params)
    session = call.book.get(Session, call.id)
    if session.status != "open":
        raise wrong_state(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of `{session.status}`."
        )
    return _expired(call.book, session)


def expire_due(book: Book, identifier: str) -> None:
    """Nobody has paid in time."""
    session = book.get(Session, identifier)
    if session.status == "open":
        _expired(book, session)


def change_session(call: Call) -> Answered:
    asked, book = call.params(ChangeSession), call.book
    known = book.get(Session, call.id)
    return book.put(replace(known, metadata=meta.merged(known.metadata, asked.metadata)))


def list_sessions(call: Call) -> Answered:
    asked = call.params(ListSessions)
    rows = [
        one
        for one in newest_first(call.book.all(Session))
        if asked.customer in (None, one.customer)
        and asked.status in (None, one.status)
        and asked.subscription in (None, one.subscription)
        and asked.payment_intent in (None, one.payment_intent)
        and (asked.customer_details is None or asked.customer_details.email == one.customer_email)
    ]
    return page(rows, asked, lambda one: one.id)


def list_items(call: Call) -> Answered:
    asked, book = call.params(ListParams), call.book
    book.get(Session, call.id)
    return page(book.get(SessionPlan, call.id).items, asked, lambda one: one.id)


def with_totals(book: Book, session: Session) -> Session:
    """The session with what is due today, after discounts and with tax."""
    plan = book.get(SessionPlan, session.id)
    free = trial_of(plan)
    drafts = [
        Draft(one.price, one.quantity, 0 if free and one.price.recurring else one.amount_subtotal, 0, 0)
        for one in plan.items
    ]
    discounts: tuple[str, ...] = ()
    if plan.coupon:
        probe = Discount(id=f"di_{session.id}", source=DiscountSource(coupon=plan.coupon), start=0)
        discounts = (book.put(probe).id,)
    ask = Ask(
        session.customer,
        session.currency,
        "manual",
        drafts,
        discounts,
        session.automatic_tax.enabled,
        created=False,
    )
    invoice = compose(book, ask)
    if plan.coupon:
        book.remove(probe)
    tax = sum(one.amount for one in invoice.total_taxes)
    off = sum(one.amount for one in invoice.total_discount_amounts)
    return replace(
        session,
        amount_subtotal=invoice.subtotal,
        amount_total=invoice.total,
        total_details=TotalDetails(amount_discount=off, amount_tax=tax),
    )


def trial_of(plan: SessionPlan) -> bool:
    """Whether the subscription begins with a trial."""
    return bool(plan.trial_days or plan.trial_end)


def _expired(book: Book, session: Session) -> Session:
    return book.changed("checkout.session.expired", replace(session, status="expired", url=None))


def _price(book: Book, one: LineParams, place: int, mode: str) -> Price:
    param = f"line_items[{place}]"
    if one.quantity < 1:
        raise invalid("Invalid positive integer", f"{param}[quantity]", "parameter_invalid_integer")
    price = _inline(book, one.price_data) if one.price_data else None
    if price is None:
        if one.price is None:
            raise invalid(f"Missing required param: {param}[price].", f"{param}[price]", "parameter_missing")
        price = book.get(Price, one.price, f"{param}[price]")
    if not price.active:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.", f"{param}[price]"
        )
    if mode == "payment" and price.recurring:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` "
            "mode or use only one-time prices.",
            f"{param}[price]",
        )
    if mode == "subscription" and not price.recurring and place == 0:
        raise invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            f"{param}[price]",
        )
    return price


def _inline(book: Book, data: PriceData) -> Price:
    from .catalog import MakePrice, ProductData, RecurringParams, price_of  # noqa: PLC0415  # only for these

    named = data.product_data or {}
    product_data = ProductData(name=str(named.get("name") or "Product")) if data.product is None else None
    recurring = data.recurring or {}
    params = RecurringParams(interval=str(recurring.get("interval"))) if recurring else None
    return price_of(
        book,
        MakePrice(
            currency=data.currency,
            unit_amount=data.unit_amount,
            product=data.product,
            product_data=product_data,
            recurring=params,
            tax_behavior=data.tax_behavior,
        ),
    )


def _item(book: Book, price: Price, quantity: int, currency: str, place: int) -> Item:
    whole = unit_amount(book, price, currency, f"line_items[{place}][price]") * quantity
    return Item(
        id=book.new_id(Item),
        amount_subtotal=whole,
        amount_total=whole,
        currency=currency,
        description=book.get(Product, price.product).name,
        price=price,
        quantity=quantity,
    )


def _discount(book: Book, asked: MakeSession) -> tuple[SessionDiscount | None, str, str]:
    if not asked.discounts:
        return None, "", ""
    one = asked.discounts[0]
    if one.promotion_code:
        code = usable_code(book, one.promotion_code, asked.customer, "discounts[0][promotion_code]")
        return SessionDiscount(promotion_code=code.id), code.promotion.coupon, code.id
    coupon: Coupon = usable_coupon(book, one.coupon or "", "discounts[0][coupon]")
    return SessionDiscount(coupon=coupon.id), coupon.id, ""


def _plan(book: Book, asked: MakeSession, items: tuple[Item, ...], coupon: str, code: str) -> SessionPlan:
    data = (
        asked.subscription_data if not isinstance(asked.subscription_data, UnsetType) else SubscriptionData()
    )
    payment = asked.payment_intent_data
    days, end = data.trial_period_days, data.trial_end
    if days is not None and not 1 <= days <= TRIAL_DAYS_MAX:
        raise invalid(
            f"trial_period_days must be 1 to {TRIAL_DAYS_MAX}.", "subscription_data[trial_period_days]"
        )
    if end is not None and end < book.now() + 2 * DAY // SECOND:
        raise invalid(
            "The `trial_end` date has to be at least 2 days in the future.", "subscription_data[trial_end]"
        )
    behavior = (
        data.trial_settings.end_behavior.missing_payment_method if data.trial_settings else "create_invoice"
    )
    invoice = asked.invoice_creation.invoice_data.metadata if asked.invoice_creation else UNSET
    return SessionPlan(
        id="",
        items=items,
        trial_days=days,
        trial_end=end,
        missing_payment_method=behavior,
        subscription_metadata=meta.merged({}, data.metadata),
        payment_metadata={} if isinstance(payment, UnsetType) else meta.merged({}, payment.metadata),
        invoice_metadata=meta.merged({}, invoice),
        coupon=coupon,
        promotion_code=code,
    )


def _creation(asked: MakeSession) -> str | None:
    if asked.mode == "subscription" or asked.customer:
        return "always" if asked.mode == "subscription" and not asked.customer else None
    if asked.invoice_creation and asked.invoice_creation.enabled:
        return "always"  # an invoice is always somebody's
    return asked.customer_creation or "if_required"


def _shown_invoice_creation(asked: MakeSession, plan: SessionPlan) -> dict[str, object] | None:
    if asked.mode != "payment":
        return None
    shown: dict[str, object] = {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": None,
        "metadata": plan.invoice_metadata,
        "rendering_options": None,
    }
    return {"enabled": bool(asked.invoice_creation and asked.invoice_creation.enabled), "invoice_data": shown}


ROUTES: Routes = (
    ("POST", "/v1/checkout/sessions", make_session),
    ("GET", "/v1/checkout/sessions", list_sessions),
    ("GET", "/v1/checkout/sessions/{id}", lambda call: call.book.get(Session, call.id)),
    ("POST", "/v1/checkout/sessions/{id}", change_session),
    ("POST", "/v1/checkout/sessions/{id}/expire", expire_session),
    ("GET", "/v1/checkout/sessions/{id}/line_items", list_items),
)
