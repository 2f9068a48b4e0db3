"""A picture of a store: all that its readers tell about the samples, to be compared before and after."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from purchase_contract_tests.store.samples import ANA, BEN, WAITING, command, offer, price
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.fact import RecordedFact
from purchase_core.ports.store import TABLES, Question, Store, TableRow, View
from purchase_core.records.command import Command
from purchase_core.records.delivery import Delivery
from purchase_core.records.effect import Effect
from purchase_core.records.movement import Movement
from purchase_core.records.reference import PriceReference

LANES = (ANA, BEN, WAITING)
OBJECTS = ("refund:acme:re_1", "refund:acme:re_2")


@attrs.frozen
class Picture:
    """What a store shows of the lanes, objects and keys that the samples use."""

    view: View
    facts: tuple[RecordedFact, ...]
    rows: tuple[TableRow, ...]
    movements: tuple[Movement, ...]
    deliveries: tuple[Delivery | None, ...]
    command: Command | None
    effects: tuple[Effect, ...]
    price: PriceReference | None
    offers: Mapping[str, OfferVersion]


async def picture(store: Store) -> Picture:
    """Ask every reader."""
    question = Question(OBJECTS, (("acme", "price_1"),), LANES, LANES)
    listed = await store.deliveries()
    return Picture(
        view=_plain(await store.look(question)),
        facts=tuple([fact for lane in LANES for _, fact in await store.facts(lane)]),
        rows=tuple([row for table in TABLES for row in await store.rows(table)]),
        movements=tuple([one for lane in LANES for one in await store.movements(lane)]),
        deliveries=tuple([await store.delivery(one.connection, one.event_id) for one in listed]),
        command=await store.command(command().key),
        effects=tuple([one for lane in LANES for one in await store.effects(lane)]),
        price=await store.price_for("acme", price().version, "USD"),
        offers=dict(await store.offers([offer().hash])),
    )


def _plain(view: View) -> View:
    """The same view in dictionaries, whatever kind of mapping the store answers with."""
    return View(dict(view.references), dict(view.prices), dict(view.lanes), dict(view.clusters))
