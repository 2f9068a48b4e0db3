"""The customer portal: https://docs.stripe.com/api/customer_portal."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET
from msgspec.structs import replace

from . import metadata as meta
from .book import Book
from .call import Answered, Call, Routes
from .forms import Params
from .objects.catalog import Price
from .objects.checkout import PortalConfiguration, PortalSession
from .objects.customers import Customer
from .objects.subscriptions import Subscription
from .objects.thing import Json
from .paging import ListParams, newest_first, page
from .refusal import invalid, wrong_state

FLOWS = ("payment_method_update", "subscription_cancel", "subscription_update", "subscription_update_confirm",
         "customer_update", "subscription_pause")  # fmt: skip
OVER = ("canceled", "incomplete_expired")


class OfSubscription(Params, frozen=True, kw_only=True):
    """`flow_data[subscription_cancel]` and the like."""

    subscription: str


class ConfirmItem(Params, frozen=True, kw_only=True):
    """`flow_data[subscription_update_confirm][items][]`."""

    id: str
    price: str | None = None
    quantity: int | None = None


class Confirm(Params, frozen=True, kw_only=True):
    """`flow_data[subscription_update_confirm]`."""

    subscription: str
    items: list[ConfirmItem]


class Redirect(Params, frozen=True, kw_only=True):
    """`after_completion[redirect]`."""

    return_url: str


class AfterCompletion(Params, frozen=True, kw_only=True):
    """`flow_data[after_completion]`."""

    type: Literal["redirect", "portal_homepage", "hosted_confirmation"]
    redirect: Redirect | None = None


class FlowData(Params, frozen=True, kw_only=True):
    """`flow_data`: one page of the portal."""

    type: str
    after_completion: AfterCompletion | None = None
    subscription_cancel: OfSubscription | None = None
    subscription_update: OfSubscription | None = None
    subscription_pause: OfSubscription | None = None
    subscription_update_confirm: Confirm | None = None


class MakePortal(Params, frozen=True, kw_only=True):
    """POST /v1/billing_portal/sessions."""

    customer: str
    configuration: str | None = None
    flow_data: FlowData | None = None
    return_url: str | None = None
    locale: str | None = None


class Enabled(Params, frozen=True, kw_only=True):
    """A feature that is on or off."""

    enabled: bool


class CancelFeature(Params, frozen=True, kw_only=True):
    """`features[subscription_cancel]`."""

    enabled: bool
    mode: Literal["at_period_end", "immediately"] = "at_period_end"
    proration_behavior: str = "none"


class PaymentFeature(Params, frozen=True, kw_only=True):
    """`features[payment_method_update]`."""

    enabled: bool


class UpdateProduct(Params, frozen=True, kw_only=True):
    """`features[subscription_update][products][]`."""

    product: str
    prices: list[str] = []


class UpdateFeature(Params, frozen=True, kw_only=True):
    """`features[subscription_update]`."""

    enabled: bool
    default_allowed_updates: list[str] = []
    products: list[UpdateProduct] = []
    proration_behavior: str = "none"


class Features(Params, frozen=True, kw_only=True):
    """`features`."""

    invoice_history: Enabled | None = None
    payment_method_update: PaymentFeature | None = None
    subscription_cancel: CancelFeature | None = None
    subscription_update: UpdateFeature | None = None


class MakeConfiguration(Params, frozen=True, kw_only=True):
    """POST /v1/billing_portal/configurations."""

    features: Features
    business_profile: dict[str, str | None] = {}
    default_return_url: str | None = None
    metadata: meta.Asked = UNSET


class ListConfigurations(ListParams, frozen=True, kw_only=True):
    """GET /v1/billing_portal/configurations."""

    active: bool | None = None
    is_default: bool | None = None


def make_portal(call: Call) -> Answered:
    """Needs a configuration that was saved before; a flow must fit the state of its subscription."""
    asked, book = call.params(MakePortal), call.book
    customer = book.get(Customer, asked.customer, "customer")
    configuration = _configuration(book, asked.configuration)
    flow = _flow(book, customer, asked.flow_data) if asked.flow_data else None
    identifier = book.new_id(PortalSession)
    session = PortalSession(
        id=identifier,
        configuration=configuration.id,
        created=book.now(),
        customer=customer.id,
        flow=flow,
        return_url=asked.return_url or configuration.default_return_url,
        url=f"{call.pages}/p/session/{identifier}",
    )
    book.put(session)
    book.tell("billing_portal.session.created", session)
    return session


def make_configuration(call: Call) -> Answered:
    return _save(call.book, call.params(MakeConfiguration))


def save_default(book: Book) -> PortalConfiguration:
    """What somebody saves in the Dashboard: everything is allowed."""
    features = Features(
        invoice_history=Enabled(enabled=True),
        payment_method_update=PaymentFeature(enabled=True),
        subscription_cancel=CancelFeature(enabled=True),
        subscription_update=UpdateFeature(enabled=True, default_allowed_updates=["price", "quantity"]),
    )
    return _save(book, MakeConfiguration(features=features))


def _save(book: Book, asked: MakeConfiguration) -> PortalConfiguration:
    features, now = asked.features, book.now()
    shown: Json = {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": bool(features.invoice_history and features.invoice_history.enabled)},
        "payment_method_update": {
            "enabled": bool(features.payment_method_update and features.payment_method_update.enabled),
            "payment_method_configuration": None,
        },
        "subscription_cancel": _cancel_feature(features.subscription_cancel),
        "subscription_update": _update_feature(features.subscription_update),
    }
    profile: Json = {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None}
    configuration = PortalConfiguration(
        id=book.new_id(PortalConfiguration),
        business_profile=profile | asked.business_profile,
        created=now,
        default_return_url=asked.default_return_url,
        features=shown,
        is_default=not any(True for _ in book.all(PortalConfiguration)),
        metadata=meta.merged({}, asked.metadata),
        updated=now,
    )
    return book.made("billing_portal.configuration.created", configuration)


def list_configurations(call: Call) -> Answered:
    asked = call.params(ListConfigurations)
    rows = [
        one
        for one in newest_first(call.book.all(PortalConfiguration))
        if asked.active in (None, one.active) and asked.is_default in (None, one.is_default)
    ]
    return page(rows, asked, lambda one: one.id)


def portal_cancel(book: Book, subscription: Subscription) -> Subscription:
    """What the portal does since flexible billing: it sets `cancel_at`, and not `cancel_at_period_end`.

    https://docs.stripe.com/changelog/basil/2025-05-28/cancel-at-enums
    """
    end = max(one.current_period_end for one in subscription.items.data)
    said = replace(subscription.cancellation_details, reason="cancellation_requested")
    changed = replace(subscription, cancel_at=end, cancel_at_period_end=False, canceled_at=book.now(),
                      cancellation_details=said)  # fmt: skip
    return book.changed("customer.subscription.updated", changed)


def _configuration(book: Book, identifier: str | None) -> PortalConfiguration:
    if identifier is not None:
        return book.get(PortalConfiguration, identifier, "configuration")
    for one in book.all(PortalConfiguration):
        if one.is_default and one.active:
            return one
    raise invalid(
        "No configuration provided and your test mode default configuration has not been created. Provide a "
        "configuration or create your default by saving your customer portal settings in test mode at "
        "https://dashboard.stripe.com/test/settings/billing/portal.",
    )  # fmt: skip


def _flow(book: Book, customer: Customer, asked: FlowData) -> Json:
    if asked.type not in FLOWS:
        raise invalid(f"Invalid flow_data[type]: must be one of {', '.join(FLOWS)}", "flow_data[type]")
    needs = asked.type.startswith("subscription_")
    given = getattr(asked, asked.type, None) if needs else None
    if needs and given is None:
        param = f"flow_data[{asked.type}]"
        raise invalid(f"Missing required param: {param}.", param, "parameter_missing")
    shown: Json = {
        "after_completion": _after(asked.after_completion),
        "customer_update": None,
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": asked.type,
    }
    if given is not None:
        subscription = _flow_subscription(book, customer, given.subscription, asked.type)
        shown[asked.type] = _shown_flow(book, subscription, given, asked.type)
    return shown


def _flow_subscription(book: Book, customer: Customer, identifier: str, kind: str) -> Subscription:
    param = f"flow_data[{kind}][subscription]"
    subscription = book.get(Subscription, identifier, param)
    if subscription.customer != customer.id:
        raise invalid(f"The subscription {identifier} does not belong to the customer.", param)
    if subscription.status in OVER:
        raise wrong_state(f"The subscription is {subscription.status}.", param=param)
    if kind == "subscription_cancel" and subscription.cancel_at is not None:
        raise wrong_state("The subscription is already set to be canceled.", param=param)
    if kind.startswith("subscription_update") and subscription.schedule:
        raise wrong_state("The subscription is managed by a subscription schedule.", param=param)
    return subscription


def _shown_flow(book: Book, subscription: Subscription, given: object, kind: str) -> Json:
    if isinstance(given, Confirm):
        for one in given.items:
            if one.price is not None:
                book.get(Price, one.price, "flow_data[subscription_update_confirm][items][price]")
        items = [{"id": one.id, "price": one.price, "quantity": one.quantity} for one in given.items]
        return {"discounts": None, "items": items, "subscription": subscription.id}
    return {"subscription": subscription.id} | ({"retention": None} if kind == "subscription_cancel" else {})


def _after(asked: AfterCompletion | None) -> Json:
    kind = asked.type if asked else "portal_homepage"
    redirect = {"return_url": asked.redirect.return_url} if asked and asked.redirect else None
    return {"hosted_confirmation": None, "redirect": redirect, "type": kind}


def _cancel_feature(asked: CancelFeature | None) -> Json:
    return {
        "cancellation_reason": {"enabled": False, "options": ["other"]},
        "enabled": bool(asked and asked.enabled),
        "mode": asked.mode if asked else "at_period_end",
        "proration_behavior": asked.proration_behavior if asked else "none",
    }


def _update_feature(asked: UpdateFeature | None) -> Json:
    products = [
        {"adjustable_quantity": {"enabled": False, "maximum": None, "minimum": 1}, "prices": one.prices,
         "product": one.product}
        for one in (asked.products if asked else [])
    ]  # fmt: skip
    return {
        "billing_cycle_anchor": None,
        "default_allowed_updates": asked.default_allowed_updates if asked else [],
        "enabled": bool(asked and asked.enabled),
        "products": products,
        "proration_behavior": asked.proration_behavior if asked else "none",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    }


ROUTES: Routes = (
    ("POST", "/v1/billing_portal/sessions", make_portal),
    ("POST", "/v1/billing_portal/configurations", make_configuration),
    ("GET", "/v1/billing_portal/configurations", list_configurations),
    (
        "GET",
        "/v1/billing_portal/configurations/{id}",
        lambda call: call.book.get(PortalConfiguration, call.id),
    ),
)
