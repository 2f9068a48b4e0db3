"""How a connection to Paddle is configured, and what Paddle can do."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import attrs

from purchase_core.errors import InvalidArgument
from purchase_core.ports.provider import Capabilities, Capability

PLUGIN = "paddle"
API_VERSION = "1"
LIVE_URL, SANDBOX_URL = "https://api.paddle.com", "https://sandbox-api.paddle.com"
DASHBOARDS = {LIVE_URL: "https://vendors.paddle.com", SANDBOX_URL: "https://sandbox-vendors.paddle.com"}
PAGES = {
    ("customer", "ctm_"): "customers-v2",
    ("subscription", "sub_"): "subscriptions-v2",
    ("invoice", "txn_"): "transactions-v2",
    ("session", "txn_"): "transactions-v2",
    ("product", "pro_"): "products-v2",
}
"""What the dashboard has a page of: kinds, the prefixes of their ids, and folders."""
LIVE = "live"
CALL_SECONDS_MAX = 300.0
CURRENCIES = frozenset([
    "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "HKD", "SGD", "SEK", "ARS", "BRL",
    "CNY", "COP", "CZK", "DKK", "HUF", "ILS", "INR", "KRW", "MXN", "NOK", "NZD", "PLN",
    "RUB", "THB", "TRY", "TWD", "UAH", "VND", "ZAR",
])  # fmt: skip
"""Source: currency_code in Paddle's OpenAPI document of 2025-05-27. None of them has three decimals."""

CAPABILITIES = Capabilities(
    frozenset(
        {
            Capability.CATALOG,
            Capability.COUNTRY_OVERRIDES,
            Capability.SUBSCRIPTION_CHECKOUT,
            Capability.ONE_TIME_CHECKOUT,
            Capability.GUEST_CHECKOUT,
            Capability.QUANTITY,
            Capability.TRIAL,
            Capability.DISCOUNT,
            Capability.PROMOTION_CODES,
            Capability.TAX_COLLECTION,
            Capability.LOCALE,
            Capability.CANCEL_NOW,
            Capability.CANCEL_AT_PERIOD_END,
            Capability.UNCANCEL,
            Capability.CHANGE_SUBSCRIPTION,
            Capability.CHANGE_ON_NEXT_INVOICE,
            Capability.CHANGE_WITHOUT_PRORATION,
            Capability.PREVIEW_CHANGE,
            Capability.PAUSE,
            Capability.PAUSE_AT_PERIOD_END,
            Capability.PAUSE_UNTIL,
            Capability.REFUND,
            Capability.PARTIAL_REFUND,
            Capability.DISPUTES,
            Capability.DISPUTE_INQUIRIES,
            Capability.INVOICE_LINKS,
            Capability.PORTAL,
            Capability.PORTAL_PAYMENT_METHOD,
            Capability.PORTAL_CANCEL,
            Capability.LIST_EVENTS,
            Capability.LIST_OBJECTS,
            Capability.WEBHOOK_ENDPOINTS,
        }
    ),
    key_lifetime_seconds=0,  # Paddle has no idempotency keys: our reference alone finds things again
    currencies=CURRENCIES,
    refund_approval=True,
    unique_emails=True,
    merchant_of_record=True,
    price_trials=True,
    price_changes=True,
    delayed_payments=True,
)


def _origin(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    if value and (
        not parts.hostname or parts.username or parts.query or not _private(parts.scheme, parts.hostname)
    ):
        raise InvalidArgument(
            f"{attribute.name} is no address over https", hint="Leave it away for Paddle itself."
        )


def _private(scheme: str, host: str) -> bool:
    """Whether nobody on the way can read along: https, or this machine alone."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    return scheme == "https" or (scheme == "http" and loopback)


def _seconds(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 < value <= CALL_SECONDS_MAX:
        raise InvalidArgument(f"{attribute.name} must be above 0 and at most {CALL_SECONDS_MAX:.0f}")


@attrs.frozen
class PaddleConfig:
    """The keys of a Paddle connection in `purchase.toml`.

    `checkout_url`: the page of yours that carries the checkout (`page.py`), on a domain that Paddle has
    approved; "" for the account's default payment link. `tax_category` is for offers that name none.
    `client_token` is what that page opens Paddle's overlay with. `base_url`: "" for Paddle itself, live or
    sandbox by the connection's mode. `call_seconds` bounds a call, retries included; `connect_seconds` one
    try to connect.
    """

    account: str = "paddle"
    checkout_url: str = attrs.field(default="", validator=_origin)
    tax_category: str = "standard"
    client_token: str = ""
    base_url: str = attrs.field(default="", validator=_origin)
    connect_seconds: float = attrs.field(default=5.0, validator=_seconds)
    call_seconds: float = attrs.field(default=30.0, validator=_seconds)

    def url(self, mode: str) -> str:
        """Where the API is."""
        return self.base_url or (LIVE_URL if mode == LIVE else SANDBOX_URL)

    def dashboard(self, mode: str) -> str:
        """Where the account's owner looks at it; "" for a simulator."""
        return DASHBOARDS.get(self.url(mode), "")
