"""A year of some customers: a sale, and a renewal each month, recorded as events of a provider would be."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from benchmarks.growing import SEED_CUSTOMER
from purchase_core.facts.fact import Fact
from purchase_core.identifiers import RandomIds
from purchase_core.instants import HOUR, Instant
from purchase_core.ports.store import Batch, Store
from purchase_core.projection.offers import OfferShelf
from purchase_core.projection.recorder import Recorder
from purchase_core.projection.work import Work
from purchase_core.records.delivery import DONE, Delivery
from purchase_core.testing.clocks import ManualClock
from purchase_core.testing.sales import T0, VERSIONS, Sale, price_references

RENEWALS = 11
NUMBERS = 10**31  # a number of 32 digits, as long as the identifiers of providers


async def write(store: Store, customers: int) -> None:
    """Record them all."""
    clock, ids = ManualClock(T0), RandomIds()
    prices = Batch(ids.new("batch"), T0, prices=price_references(), offers=tuple(VERSIONS.values()))
    await store.commit(prices)
    recorder = Recorder(store, OfferShelf(store, VERSIONS.values()), clock, ids, lambda _batch: None)
    for number in range(customers):
        sale = Sale(NUMBERS + number * 10**7, f"{SEED_CUSTOMER}{number}")
        for facts in _year(sale):
            clock.set_to(facts[-1].order)
            delivery = _delivery(ids.new("delivery"), facts[-1])
            await recorder.record(
                Work(facts),
                cause=delivery.id,
                addition=lambda batch, came=delivery: replace(batch, deliveries=(came,)),
            )


def _year(sale: Sale) -> Iterator[tuple[Fact, ...]]:
    """What is told of one customer, in the order in which it comes: 39 facts."""
    yield (sale.placed(), sale.tried(), sale.session("open"))
    yield (sale.invoice(),)
    yield (sale.subscription(),)
    yield (sale.session(at=Instant(T0 + HOUR)),)
    for period in range(1, RENEWALS + 1):
        asked = sale.renewal(period, "open")
        paid = Instant(asked.order + HOUR)
        yield (asked,)
        yield (sale.renewal(period, at=paid),)
        yield (sale.subscription(at=paid, period=period),)


def _delivery(identifier: str, fact: Fact) -> Delivery:
    event, at = f"evt_{identifier}", fact.order
    return Delivery(
        identifier, fact.connection, event, fact.kind, fact.object, at, at, (), b"", state=DONE
    )  # fmt: skip
