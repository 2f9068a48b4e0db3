"""Who people are: what is kept of them beside the ledger, and its being forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from purchase_core.records.delivery import DONE, IGNORED
from purchase_core.testing.simulation.asking import Ask
from purchase_core.testing.simulation.oracle.truth import Truth
from purchase_core.testing.simulation.provider.book import Book
from purchase_core.testing.simulation.provider.objects import Bare, Dispute, Document, Refund, Told
from purchase_core.testing.simulation.turns import Activity
from purchase_core.testing.simulation.world import World

PERSONS_MAX = 3
_decode = msgspec.json.Decoder(Told).decode


def describe(world: World) -> Activity | None:
    """The application says somebody's address."""
    customer = world.chance.one_of(world.customers)
    return _made(
        world,
        Ask(
            f"details of {customer}",
            lambda billing: billing.customers.upsert(customer, email=world.address(customer)),
            lambda _: None,
            ("was erased",),
        ),
    )


def erase(world: World) -> Activity | None:
    """Somebody wants to be forgotten; what is on its way comes later all the same."""
    customer = world.chance.one_of(world.customers)

    def done(_: object) -> None:
        world.erased.add(customer)

    return _made(
        world, Ask(f"erasing of {customer}", lambda billing: billing.customers.erase(customer), done)
    )


def merge(world: World) -> Activity | None:
    """Two customers turn out to be one person."""
    customer, into = world.chance.one_of(world.customers), world.chance.one_of(world.customers)
    if customer == into:
        return None

    def done(_: object) -> None:
        world.merged[customer] = into

    return _made(
        world,
        Ask(
            f"merging of {customer} into {into}",
            lambda billing: billing.customers.merge(customer, into=into, reason="one person", by="op"),
            done,
        ),
    )


def _made(world: World, ask: Ask) -> Activity | None:
    if len(world.persons) >= PERSONS_MAX:
        return None
    world.persons.append(ask)
    return world.ask(ask)


def remembered(world: World, truth: Truth) -> Iterator[str]:
    """What is still kept of those who were erased."""
    erased = world.erased | {world.person(customer) for customer in world.erased}  # of who was merged as well
    for customer in sorted(erased):
        if world.read(world.store.details(customer)) is not None:
            yield f"the details of {customer} are kept, who was erased"
    if not erased:
        return
    books = {book.name: book for book in truth.books}
    for state in (DONE, IGNORED):
        for listed in world.deliveries(state):
            row, book = world.read(world.store.delivery_by_id(listed.id)), books.get(listed.connection)
            for one in _decode(row.body).objects if row and row.body and book else ():
                if book and (owner := _whose(truth, book, one)) in erased:
                    yield f"the body of {listed.event_id} is kept, of {owner}, who was erased"


def _whose(truth: Truth, book: Book, one: Document) -> str:
    if isinstance(one, Bare):
        of: Refund | Dispute | None = book.refunds.get(one.id) or book.disputes.get(one.id)
        return _whose(truth, book, of) if of else ""
    if isinstance(one, Refund | Dispute):
        return _whose(truth, book, book.invoices[one.invoice])
    return truth.owner(book, one.metadata, one.payer)


KINDS = (("describe", describe, 2), ("erase", erase, 2), ("merge", merge, 1))
