"""How a connection to Stripe is configured, and what Stripe can do."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from purchase_core.currencies import DECIMALS
from purchase_core.errors import InvalidArgument
from purchase_core.ports.provider import Capabilities, Capability

PLUGIN = "stripe"
API_VERSION = "2026-10-28.endive"
"""What we send and what our endpoints are made with; the version that stripe-python 16.1.0 is written for."""

KEY_LIFETIME_SECONDS = 86_400  # https://docs.stripe.com/api/idempotent_requests
CALL_SECONDS_MAX = 300.0
LIVE, TEST = "https://api.stripe.com", "http://127.0.0.1:4242"

DASHBOARD = "https://dashboard.stripe.com"
PAGES = {
    ("customer", "cus_"): "customers",
    ("subscription", "sub_"): "subscriptions",
    ("invoice", "in_"): "invoices",
    ("dispute", "dp_"): "disputes",
    ("dispute", "du_"): "disputes",
    ("event", "evt_"): "events",
    ("product", "prod_"): "products",
    ("price", "price_"): "prices",
}
"""What the dashboard has a page of: kinds, the prefixes of their ids, and folders."""

OTHER_DECIMALS = frozenset({"ISK", "MGA", "UGX"})
"""Currencies that Stripe counts in other units than ISO 4217 does: sold for a hundredth, or a hundredfold.

Source: docs.stripe.com/currencies, "zero-decimal currencies" and "special cases".
"""

CAPABILITIES = Capabilities(
    frozenset(
        {
            Capability.CATALOG,
            Capability.CURRENCY_OVERRIDES,
            Capability.SUBSCRIPTION_CHECKOUT,
            Capability.ONE_TIME_CHECKOUT,
            Capability.GUEST_CHECKOUT,
            Capability.QUANTITY,
            Capability.TRIAL,
            Capability.TRIAL_WITHOUT_CARD,
            Capability.DISCOUNT,
            Capability.PROMOTION_CODES,
            Capability.TAX_COLLECTION,
            Capability.LOCALE,
            Capability.CHECKOUT_EXPIRY,
            Capability.EXPIRE_CHECKOUT,
            Capability.CANCEL_NOW,
            Capability.CANCEL_AT_PERIOD_END,
            Capability.UNCANCEL,
            Capability.CHANGE_SUBSCRIPTION,
            Capability.CHANGE_AT_PERIOD_END,
            Capability.CHANGE_ON_NEXT_INVOICE,
            Capability.CHANGE_WITHOUT_PRORATION,
            Capability.PREVIEW_CHANGE,
            Capability.PAUSE,
            Capability.PAUSE_COLLECTION,
            Capability.REFUND,
            Capability.PARTIAL_REFUND,
            Capability.DISPUTES,
            Capability.DISPUTE_INQUIRIES,
            Capability.DISPUTE_LOSSES,
            Capability.INVOICE_LINKS,
            Capability.PORTAL,
            Capability.PORTAL_PAYMENT_METHOD,
            Capability.PORTAL_CANCEL,
            Capability.PORTAL_CHANGE,
            Capability.PORTAL_RETURN,
            Capability.LIST_EVENTS,
            Capability.LIST_OBJECTS,
            Capability.WEBHOOK_ENDPOINTS,
        }
    ),
    key_lifetime_seconds=KEY_LIFETIME_SECONDS,
    currencies=frozenset(DECIMALS) - OTHER_DECIMALS,
    delayed_payments=True,
)


def _origin(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    safe = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    if not safe or not parts.hostname or parts.username or parts.query:
        raise InvalidArgument(
            f"{attribute.name} is no address of Stripe, nor of a simulator on this machine",
            hint=f'Leave it away, or write "{TEST}" for a simulator.',
        )


def _seconds(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value <= CALL_SECONDS_MAX:
        raise InvalidArgument(f"{attribute.name} must be above 0 and at most {CALL_SECONDS_MAX:.0f}")


@attrs.frozen
class StripeConfig:
    """The keys of a Stripe connection in `purchase.toml`.

    `account`: Stripe's id of it (`acct_…`), which is compared with that of Connect's events.
    `portal_configuration`: the one that portal sessions use (`bpc_…`; "" = the account's default).
    `call_seconds` bounds a call from the first byte sent to the last one read, retries included;
    `connect_seconds` bounds one try to connect.
    """

    account: str
    base_url: str = attrs.field(default=LIVE, validator=_origin)
    portal_configuration: str = ""
    connect_seconds: float = attrs.field(default=5.0, validator=_seconds)
    call_seconds: float = attrs.field(default=30.0, validator=_seconds)

    def dashboard(self, mode: str) -> str:
        """Where the account's owner looks at it; "" for a simulator."""
        if self.base_url != LIVE:
            return ""
        return DASHBOARD if mode == "live" else f"{DASHBOARD}/test"
