"""Trials: how often a customer may have one, and whether they have had it."""

from __future__ import annotations

from typing import Literal

import attrs

from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.rows import SubscriptionRow
from purchase_core.ports.store import Store
from purchase_core.projection.owner import lane_of
from purchase_core.projection.tables import rows_of_lane


@attrs.frozen
class CheckoutPolicy:
    """What holds for every checkout.

    `trials`: a customer may have one "always", "once_per_product", or "once". Who has had it pays at once: on
    the session there is none, and where trials belong to prices, it is sold at the price without.
    """

    trials: Literal["always", "once_per_product", "once"] = "always"


async def trial_days(store: Store, policy: CheckoutPolicy, version: OfferVersion, customer: str) -> int:
    """The trial that this customer gets; a guest is nobody yet, and gets it.

    A trial counts once the provider has confirmed it: two pages that are open at once both have theirs.
    """
    if not version.trial_days or policy.trials == "always" or not customer:
        return version.trial_days
    rows = await rows_of_lane(store, SubscriptionRow, await lane_of(store, customer))
    had = [row.version for row in rows if row.bound and row.trial_end is not None and not row.replaces]
    if policy.trials == "once_per_product":
        offers = await store.offers([one for one in had if one])
        had = [one for one in had if one in offers and offers[one].product_id == version.product_id]
    return 0 if had else version.trial_days
