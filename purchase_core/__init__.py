"""Purchase: the billing runtime that an application embeds.

The names below are the public surface. Each is imported when it is first used, so that importing the
package costs next to nothing, and a catalog module does not load the runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from purchase_core.access.rights import Rights
    from purchase_core.billing import Billing
    from purchase_core.catalog.catalog import Catalog
    from purchase_core.catalog.features import credit_unit, feature, licence, quota
    from purchase_core.catalog.products import credit_pack, one_time, plan, subscription
    from purchase_core.errors import PurchaseError
    from purchase_core.money import Money
    from purchase_core.plugins.descriptors import Subscriber
    from purchase_core.ports.provider import PortalFlow, Proration, RefundReason
    from purchase_core.workflows.order import CheckoutOptions

__all__ = [
    "Billing",
    "Catalog",
    "CheckoutOptions",
    "Money",
    "PortalFlow",
    "Proration",
    "PurchaseError",
    "RefundReason",
    "Rights",
    "Subscriber",
    "credit_pack",
    "credit_unit",
    "feature",
    "licence",
    "one_time",
    "plan",
    "quota",
    "subscription",
]

_HOMES = {
    "Billing": "billing",
    "Catalog": "catalog.catalog",
    "CheckoutOptions": "workflows.order",
    "Money": "money",
    "PortalFlow": "ports.provider",
    "Proration": "ports.provider",
    "PurchaseError": "errors",
    "RefundReason": "ports.provider",
    "Rights": "access.rights",
    "Subscriber": "plugins.descriptors",
    "credit_pack": "catalog.products",
    "credit_unit": "catalog.features",
    "feature": "catalog.features",
    "licence": "catalog.features",
    "one_time": "catalog.products",
    "plan": "catalog.products",
    "quota": "catalog.features",
    "subscription": "catalog.products",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
