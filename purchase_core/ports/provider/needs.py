"""What a request needs a provider to be capable of, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Mapping

from purchase_core.ports.provider.capabilities import Capability
from purchase_core.ports.provider.requests import (
    ChangeRequest,
    CheckoutRequest,
    PauseRequest,
    PortalFlow,
    PortalRequest,
    PriceRequest,
    Proration,
)

INSTEAD: Mapping[Capability, str] = {
    Capability.CURRENCY_OVERRIDES: "make a price of its own for each currency",
    Capability.COUNTRY_OVERRIDES: "sell the same amount everywhere, or an offer for each country",
    Capability.CATALOG: "keep products and prices in the provider's dashboard",
    Capability.SUBSCRIPTION_CHECKOUT: "sell the subscription through another connection",
    Capability.ONE_TIME_CHECKOUT: "sell it through another connection",
    Capability.GUEST_CHECKOUT: "name the customer who buys",
    Capability.QUANTITY: "sell one at a time, or an offer of several",
    Capability.TRIAL: "sell an offer without a trial, or through another connection",
    Capability.TRIAL_WITHOUT_CARD: "let the trial ask for a card",
    Capability.DISCOUNT: "sell an offer at the lower price",
    Capability.PROMOTION_CODES: "sell an offer at the lower price",
    Capability.TAX_COLLECTION: "work out tax yourself, or sell through another connection",
    Capability.LOCALE: "let the provider choose the buyer's language",
    Capability.CHECKOUT_EXPIRY: "let the checkout end by the provider's own term",
    Capability.EXPIRE_CHECKOUT: "mark the attempt withdrawn and watch for a late payment",
    Capability.CANCEL_NOW: "cancel it at the end of its period",
    Capability.CANCEL_AT_PERIOD_END: "cancel it now, or in the provider's dashboard",
    Capability.UNCANCEL: "start a new checkout",
    Capability.CHANGE_SUBSCRIPTION: "cancel it and start a new checkout",
    Capability.CHANGE_AT_PERIOD_END: "change it now without proration, or once the period has ended",
    Capability.CHANGE_ON_NEXT_INVOICE: "have the difference charged at once",
    Capability.CHANGE_WITHOUT_PRORATION: "have the difference charged at once",
    Capability.PREVIEW_CHANGE: "show the prices of the catalog",
    Capability.PAUSE: "cancel it at the end of its period, and sell it again later",
    Capability.PAUSE_AT_PERIOD_END: "pause it now, or once the period has ended",
    Capability.PAUSE_UNTIL: "pause it without an end, and resume it when the time has come",
    Capability.PAUSE_COLLECTION: "pause the subscription itself",
    Capability.PAUSE_COLLECTION_UNTIL: "pause it without an end, and resume it when the time has come",
    Capability.REFUND: "refund it in the provider's dashboard",
    Capability.PARTIAL_REFUND: "refund the whole of it, or in the provider's dashboard",
    Capability.DISPUTES: "look at disputes in the provider's dashboard",
    Capability.DISPUTE_INQUIRIES: "look at inquiries in the provider's dashboard",
    Capability.DISPUTE_LOSSES: "take a dispute that stays open for one that is lost",
    Capability.INVOICE_LINKS: "send the customer to the portal",
    Capability.PORTAL: "link to a page of your own",
    Capability.PORTAL_PAYMENT_METHOD: "open the portal's overview",
    Capability.PORTAL_CANCEL: "cancel it through Purchase, or open the portal's overview",
    Capability.PORTAL_CHANGE: "change it through Purchase, or open the portal's overview",
    Capability.PORTAL_RETURN: "leave return_url away",
    Capability.LIST_EVENTS: "reconcile by listing objects",
    Capability.LIST_OBJECTS: "reconcile from the provider's events",
    Capability.WEBHOOK_ENDPOINTS: "register the endpoint in the provider's dashboard",
}
"""What to do where a capability is missing; completes "Instead: …"."""

_FLOWS = {
    PortalFlow.PAYMENT_METHOD: Capability.PORTAL_PAYMENT_METHOD,
    PortalFlow.CANCEL: Capability.PORTAL_CANCEL,
    PortalFlow.CHANGE: Capability.PORTAL_CHANGE,
}
_PRORATIONS = {
    Proration.NEXT_INVOICE: Capability.CHANGE_ON_NEXT_INVOICE,
    Proration.NONE: Capability.CHANGE_WITHOUT_PRORATION,
}


def needed_for_price(request: PriceRequest) -> tuple[Capability, ...]:
    """What a provider must declare to make this price."""
    asked = {
        Capability.CURRENCY_OVERRIDES: any(not one.countries for one in request.overrides),
        Capability.COUNTRY_OVERRIDES: any(one.countries for one in request.overrides),
    }
    return tuple(capability for capability, wanted in asked.items() if wanted)


def needed_for_checkout(request: CheckoutRequest) -> tuple[Capability, ...]:
    """What a provider must declare to open this checkout."""
    asked = {
        Capability.SUBSCRIPTION_CHECKOUT: request.mode == "subscription",
        Capability.ONE_TIME_CHECKOUT: request.mode == "payment",
        Capability.GUEST_CHECKOUT: not request.customer,
        Capability.QUANTITY: request.quantity > 1,
        Capability.TRIAL: bool(request.trial_days),
        Capability.TRIAL_WITHOUT_CARD: request.trial_without_card,
        Capability.CURRENCY_OVERRIDES: bool(request.currency),
        Capability.DISCOUNT: bool(request.discount),
        Capability.PROMOTION_CODES: request.promotion_codes,
        Capability.TAX_COLLECTION: request.collect_tax,
        Capability.LOCALE: bool(request.locale),
        Capability.CHECKOUT_EXPIRY: request.expires_at is not None,
    }
    return tuple(capability for capability, wanted in asked.items() if wanted)


def needed_for_change(request: ChangeRequest) -> tuple[Capability, ...]:
    """What a provider must declare to make this change."""
    if request.at_period_end:
        return (Capability.CHANGE_SUBSCRIPTION, Capability.CHANGE_AT_PERIOD_END)
    special = _PRORATIONS.get(request.proration)
    return (Capability.CHANGE_SUBSCRIPTION, special) if special else (Capability.CHANGE_SUBSCRIPTION,)


def needed_for_pause(request: PauseRequest) -> tuple[Capability, ...]:
    """What a provider must declare to pause like this."""
    asked = {
        Capability.PAUSE_COLLECTION: request.collection_only,
        Capability.PAUSE: not request.collection_only,
        Capability.PAUSE_AT_PERIOD_END: request.at_period_end,
        Capability.PAUSE_UNTIL: request.resumes_at is not None and not request.collection_only,
        Capability.PAUSE_COLLECTION_UNTIL: request.resumes_at is not None and request.collection_only,
    }
    return tuple(capability for capability, wanted in asked.items() if wanted)


def needed_for_portal(request: PortalRequest) -> tuple[Capability, ...]:
    """What a provider must declare to open this page."""
    asked = {
        Capability.PORTAL: True,
        _FLOWS.get(request.flow, Capability.PORTAL): True,
        Capability.PORTAL_RETURN: bool(request.return_url),
    }
    return tuple(capability for capability, wanted in asked.items() if wanted)
