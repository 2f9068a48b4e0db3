"""The catalog: what is sold, at which prices where, what was rolled out, and where a provider differs."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from starlette.responses import Response

from purchase_console.page import Page, View
from purchase_console.visit import Visit
from purchase_core.catalog.versions import OfferVersion
from purchase_core.catalog.words import granted, prices, rhythm
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.rollout.words import SYMBOLS, by_offer, sentence, summary

VERSIONS = 20


@attrs.frozen
class Sold:
    """An offer of today's catalog, its price, what it grants, and where it is on sale already."""

    offer: str
    version: OfferVersion
    price: str
    grants: tuple[str, ...]
    on_sale: tuple[str, ...]


async def show(visit: Visit) -> Response:
    """Offers of the code, where they are on sale, and what was rolled out when."""
    rolled = await visit.billing.rollout.versions()
    return visit.page(
        "catalog.html",
        offers=await _sold(visit),
        rolled=list(reversed(rolled))[:VERSIONS],
        connections=sorted(visit.billing.connections),
    )


async def drift(visit: Visit) -> Response:
    """What would have to be done at one provider. Asks the provider, and changes nothing."""
    plan = await visit.billing.rollout.plan(connections=[visit.part("connection")])
    steps = [
        (offer or "of no offer", [(SYMBOLS[one.act], one.act, sentence(one)) for one in those])
        for offer, those in by_offer(plan)
    ]
    return visit.page(
        "drift.html", connection=visit.part("connection"), plan=plan, steps=steps, summary=summary(plan)
    )


PAGE = Page("catalog", "Catalog", views=(View("", show), View("/{connection}", drift)), key="a")


async def _sold(visit: Visit) -> Sequence[Sold]:
    billing = visit.billing
    there: dict[str, set[str]] = {}
    for connection in billing.connections:
        for price in await billing.store.prices_of(connection, limit=PAGE_ROWS_MAX):
            if price.ended_at is None:
                there.setdefault(price.version, set()).add(connection)
    return [
        Sold(
            name,
            version,
            f"{prices(version)} {rhythm(version)}".removesuffix(" -"),
            tuple(granted(one) for one in version.grants),
            tuple(sorted(there.get(version.hash, ()))),
        )
        for name, version in billing.catalog.offers.items()
    ]
