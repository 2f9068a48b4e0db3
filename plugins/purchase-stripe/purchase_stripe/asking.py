"""Our requests in Stripe's words: the parameters of its calls. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from purchase_core.currencies import DECIMALS
from purchase_core.errors import ProviderRefused
from purchase_core.instants import SECOND
from purchase_core.ports.provider import (
    ChangeRequest,
    CheckoutRequest,
    Connection,
    PortalFlow,
    PortalRequest,
    PriceRequest,
    ProductRequest,
    Proration,
    RefundReason,
    RefundRequest,
)

from .config import API_VERSION

if TYPE_CHECKING:
    from stripe.params import (
        InvoiceCreatePreviewParams,
        PriceCreateParams,
        ProductCreateParams,
        RefundCreateParams,
        SubscriptionUpdateParams,
        WebhookEndpointCreateParams,
    )
    from stripe.params.billing_portal import SessionCreateParams as PortalParams
    from stripe.params.checkout import SessionCreateParams

LOOKUP = "purchase_lookup"
"""Our own name for a customer's hash, by which it can be searched without quoting what it is called."""

THREE = 3  # decimals
PRORATION = {
    Proration.NOW: "always_invoice",
    Proration.NEXT_INVOICE: "create_prorations",
    Proration.NONE: "none",
}
REASON = {
    RefundReason.REQUESTED: "requested_by_customer",
    RefundReason.DUPLICATE: "duplicate",
    RefundReason.FRAUDULENT: "fraudulent",
}


def reference(connection: Connection, kind: str, *parts: str | int) -> str:
    """A name for something of ours that is the same every time, and says nothing."""
    whole = json.dumps([connection.project, connection.environment, kind, *parts])
    return f"purchase_{sha256(whole.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}"


def amount(minor: int, currency: str) -> int:
    """Minor units as Stripe takes them. Raises ProviderRefused for what it would not charge.

    Source: docs.stripe.com/currencies, "three-decimal currencies": the last digit is always 0.
    """
    if DECIMALS[currency] == THREE and minor % 10:
        raise ProviderRefused(
            f"Stripe charges amounts in {currency} to two decimals only",
            provider_code="invalid_amount",
            hint="Write a price whose last decimal is 0.",
        )
    return minor


def product_params(request: ProductRequest, identifier: str, metadata: dict[str, str]) -> ProductCreateParams:
    """A product; under an id of ours, it is refused the second time, and there."""
    params: ProductCreateParams = {"name": request.name, "metadata": metadata}
    if identifier:
        params["id"] = identifier
    if request.tax_category:
        params["tax_code"] = request.tax_category
    return params


def endpoint_params(url: str, types: Iterable[str]) -> WebhookEndpointCreateParams:
    """An endpoint, for events in the version that we read."""
    params = {"url": url, "enabled_events": list(types), "api_version": API_VERSION}
    return cast("WebhookEndpointCreateParams", params)  # whose words are literals


def price_params(request: PriceRequest, lookup: str, metadata: dict[str, str]) -> PriceCreateParams:
    """A price. Its amount never changes: another amount is another version, and another lookup key."""
    params: PriceCreateParams = {
        "product": request.product,
        "currency": request.currency.lower(),
        "unit_amount": amount(request.unit_amount, request.currency),
        "lookup_key": lookup,
        "metadata": metadata,
        "expand": ["currency_options"],
    }
    if request.interval:
        params["recurring"] = {"interval": request.interval, "interval_count": request.interval_count}
    if request.tax_behavior:
        params["tax_behavior"] = request.tax_behavior.value
    for one in request.overrides:
        options = params.setdefault("currency_options", {})
        options[one.currency.lower()] = {"unit_amount": amount(one.unit_amount, one.currency)}
        if request.tax_behavior:
            options[one.currency.lower()]["tax_behavior"] = request.tax_behavior.value
    return params


def checkout_params(request: CheckoutRequest, metadata: dict[str, str]) -> SessionCreateParams:
    """A session. Metadata does not spread by itself, so it is put on all that comes of it."""
    params: SessionCreateParams = {
        "mode": request.mode,
        "line_items": [{"price": request.price, "quantity": request.quantity}],
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "metadata": metadata,
    }
    if request.reference.attempt:
        params["client_reference_id"] = request.reference.attempt[:200]
    if request.customer:
        params["customer"] = request.customer
    elif request.email:
        params["customer_email"] = request.email
    if request.mode == "subscription":
        params["subscription_data"] = {"metadata": metadata}
        if request.trial_days:
            params["subscription_data"]["trial_period_days"] = request.trial_days
        if request.trial_without_card:
            params["payment_method_collection"] = "if_required"
            params["subscription_data"]["trial_settings"] = {
                "end_behavior": {"missing_payment_method": "cancel"}
            }
    else:
        # An invoice names its lines and carries our reference; a bare payment does neither.
        params["invoice_creation"] = {"enabled": True, "invoice_data": {"metadata": metadata}}
        params["payment_intent_data"] = {"metadata": metadata}
    _options(params, request)
    return params


def _options(params: SessionCreateParams, request: CheckoutRequest) -> None:
    if request.currency:
        params["currency"] = request.currency.lower()
    if request.discount:
        kind = "promotion_code" if request.discount.startswith("promo_") else "coupon"
        params["discounts"] = [{"promotion_code": request.discount} if kind == "promotion_code"
                               else {"coupon": request.discount}]  # fmt: skip
    if request.promotion_codes:
        params["allow_promotion_codes"] = True
    if request.collect_tax:
        params["automatic_tax"] = {"enabled": True}
        if request.customer:
            params["customer_update"] = {"address": "auto"}
    if request.locale:
        params["locale"] = request.locale
    if request.expires_at is not None:
        params["expires_at"] = request.expires_at // SECOND


def change_params(request: ChangeRequest, item: str, proration_date: int | None) -> SubscriptionUpdateParams:
    """A change now. What is due at once is paid first: the change waits for it, or is refused.

    Only a change that is charged can wait, and only where its payment method is no bank debit
    (docs.stripe.com/billing/subscriptions/pending-updates); with the others, nothing is due.
    """
    now = request.proration is Proration.NOW
    params: SubscriptionUpdateParams = {
        "items": [{"id": item, "price": request.price, "quantity": request.quantity}],
        "proration_behavior": PRORATION[request.proration],
        "payment_behavior": "pending_if_incomplete" if now else "error_if_incomplete",
    }
    if proration_date is not None:
        params["proration_date"] = proration_date
    return params


def preview_params(
    request: ChangeRequest, item: str, proration: str, proration_date: int | None
) -> InvoiceCreatePreviewParams:
    """The invoice that a change would make."""
    params: InvoiceCreatePreviewParams = {
        "subscription": request.subscription,
        "subscription_details": {
            "items": [{"id": item, "price": request.price, "quantity": request.quantity}],
            "proration_behavior": proration,
        },
    }
    if proration_date is not None:
        params["subscription_details"]["proration_date"] = proration_date
    return params


def refund_params(request: RefundRequest, intent: str, metadata: dict[str, str]) -> RefundCreateParams:
    """A refund of the payment that an invoice was paid with."""
    params: RefundCreateParams = {
        "payment_intent": intent,
        "reason": REASON[request.reason],
        "metadata": metadata,
    }
    if request.amount is not None:
        params["amount"] = request.amount
    return params


def portal_params(request: PortalRequest, configuration: str) -> PortalParams:
    """A session of the portal, and which of its pages comes first."""
    params: PortalParams = {"customer": request.customer}
    if configuration:
        params["configuration"] = configuration
    if request.return_url:
        params["return_url"] = request.return_url
    match request.flow:
        case PortalFlow.PAYMENT_METHOD:
            params["flow_data"] = {"type": "payment_method_update"}
        case PortalFlow.CANCEL:
            params["flow_data"] = {
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": request.subscription},
            }
        case PortalFlow.CHANGE:
            params["flow_data"] = {
                "type": "subscription_update",
                "subscription_update": {"subscription": request.subscription},
            }
        case _:
            pass
    return params
