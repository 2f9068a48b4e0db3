"""What every example sells, and where: a sandbox provider and a database file on this machine.

How to run one: docs/frameworks.md.
"""

from __future__ import annotations

import os

from purchase_core import Billing, Catalog, Money, feature, plan, subscription
from purchase_core.opening import Opening

SHOP = "https://shop.example"
EXPORT = feature("export")
CATALOG = Catalog(
    subscription("app", plans=[
        plan("free", default=True),
        plan("pro", price=Money("9.00", "EUR"), every="month", includes=[EXPORT()]),
    ])
)  # fmt: skip


def opening() -> Opening:
    """The billing, not open yet. Keys come from the environment."""
    return Billing.open(
        catalog=CATALOG,
        config={
            "project": "shop",
            "environment": "dev",
            "store": {"plugin": "sqlite", "path": os.environ.get("SHOP_DATABASE", "shop.db")},
            "connections": {
                "sandbox": {
                    "plugin": "sandbox",
                    "mode": "test",
                    "base_url": os.environ.get("SANDBOX_URL", "http://127.0.0.1:4242"),
                    "api_key": "env:SANDBOX_API_KEY",
                    "webhook_secrets": ["env:SANDBOX_WEBHOOK_SECRET"],
                }
            },
        },
    )


def cart(customer: str) -> dict[str, str]:
    """The arguments of a checkout."""
    return {
        "customer": customer,
        "offer": "app:pro",
        "success_url": f"{SHOP}/thanks",
        "cancel_url": f"{SHOP}/prices",
        "idempotency_key": f"cart-of-{customer}",
    }
