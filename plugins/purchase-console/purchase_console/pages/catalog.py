"""The catalog: what is sold, at which prices where, what was rolled out, and where a provider differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import attrs
from starlette.responses import Response

from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.catalog.versions import OfferVersion
from purchase_core.catalog.words import granted, prices, rhythm
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, WrongState
from purchase_core.facts.fact import object_key
from purchase_core.ports.limits import PAGE_ROWS_MAX
from purchase_core.rollout.plan import Plan, Step
from purchase_core.rollout.plan_words import SYMBOLS, by_offer, sentence, summary

VERSIONS = 20
STEPS_AT_ONCE_MAX = 50  # a call each, before the browser is answered


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
        under_way=await visit.billing.rollout.under_way(),
    )


async def drift(visit: Visit) -> Response:
    """What would have to be done at one provider. Asks the provider, and changes nothing."""
    return await _planned(visit, visit.part("connection"), "")


async def back(visit: Visit) -> Response:
    """What would lead back to a catalog that was rolled out before. Asks providers, and changes nothing."""
    return await _planned(visit, "", visit.part("version"))


async def apply(visit: Visit) -> Response:
    """Do what was planned, if planning again comes to what was seen."""
    connection, to = visit.field("connection"), visit.field("to")
    deed = visit.deed("rollout", " ".join(filter(None, (connection, to))) or "all", reasoned=True)
    if visit.field("sure") != "yes":
        raise InvalidArgument("nothing was done", hint="Tick that it is meant: prices change.")
    receipts: list[str] = []

    async def work() -> Mapping[str, int]:
        plan = await _plan(visit, connection, to)
        if plan.id != deed.seen:
            raise WrongState("something has moved since it was looked at", hint="It is shown as it is now.")
        if len(plan.steps) > STEPS_AT_ONCE_MAX:
            raise WrongState(
                f"{len(plan.steps):,} steps are too many for a page", hint="Use the command line."
            )
        applied = await visit.billing.rollout.apply(plan)
        receipts.append(applied.receipt)
        return Counter(one.act for one in applied.done)

    try:
        run = await visit.billing.deeds.once(deed, work)
    except WrongState as error:
        return await _planned(visit, connection, to, refused=error)
    return visit.go(f"/receipts/{quote(receipts[0], safe='')}" if receipts else "/catalog", run)


PAGE = Page(
    "catalog",
    "Catalog",
    views=(View("", show), View("/to/{version}", back), View("/{connection}", drift)),
    actions=(Action("/apply", apply, Role.ROLLOUT, money=True),),
    key="a",
)


async def _plan(visit: Visit, connection: str, to: str) -> Plan:
    return await visit.billing.rollout.plan(connections=[connection] if connection else (), to=to)


async def _planned(visit: Visit, connection: str, to: str, *, refused: WrongState | None = None) -> Response:
    plan = await _plan(visit, connection, to)
    steps = [(offer or "of no offer", [_told(one) for one in those]) for offer, those in by_offer(plan)]
    chosen = ["--connection", connection] if connection else ["--to", to]
    return visit.page(
        "drift.html",
        409 if refused else 200,
        connection=connection,
        to=to,
        command=["catalog", "plan", *chosen, "-o", "plan.json"],
        plan=plan,
        steps=steps,
        summary=summary(plan),
        refused=refused,
    )


def _told(step: Step) -> tuple[str, str, str, str]:
    """Its symbol, what is done, that in words, and the key of what it is done to."""
    theirs = object_key(step.kind, step.connection, step.object) if step.object else ""
    return SYMBOLS[step.act], step.act, sentence(step), theirs


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
