"""How an account is set up: what one chooses in Paddle's dashboard, and what a test may want otherwise."""

from __future__ import annotations

import attrs

from purchase_core.instants import MINUTE

REQUESTS_PER_MINUTE = 240
PREVIEWS_PER_MINUTE = 1_000
DESTINATIONS_MAX = 10  # that are active
CHARGES_PER_HOUR, CHARGES_PER_DAY = 20, 100


@attrs.define
class Settings:
    """`tax_mode`: what prices with `account_setting` do. Only `approved_domains` may carry a checkout.

    `approval`: how long a refund waits, in microseconds; None: until a person decides. `dunning_days`: when a
    failed renewal is tried again, counted from the failure; after the last time the subscription is cancelled
    or paused (`dunning_exhausted`: cancel | pause).
    """

    default_checkout_url: str = "http://127.0.0.1:4243/checkout"
    portal_url: str = "https://customer-portal.paddle.com"
    approved_domains: frozenset[str] = frozenset({"127.0.0.1", "localhost"})
    tax_mode: str = "external"
    tax_categories: frozenset[str] = frozenset({"standard", "saas", "digital-goods", "ebooks"})
    approval: int | None = 10 * MINUTE
    dunning_days: tuple[int, ...] = (1, 3, 7, 14, 21, 30)
    dunning_exhausted: str = "cancel"
    requests_per_minute: int = REQUESTS_PER_MINUTE
    previews_per_minute: int = PREVIEWS_PER_MINUTE
    destinations_max: int = DESTINATIONS_MAX
