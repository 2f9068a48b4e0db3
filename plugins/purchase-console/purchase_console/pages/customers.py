"""Customers: whose something is, what they have and why, what happened; now, or as of some instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import attrs
from starlette.responses import Response

from purchase_console.lines import Line, line_of
from purchase_console.page import Action, Page, View
from purchase_console.visit import Visit
from purchase_core.access.explain import Explanation
from purchase_core.access.rights import Rights
from purchase_core.catalog.grants import name_of
from purchase_core.console import Role
from purchase_core.errors import InvalidArgument, NotFound, WrongState
from purchase_core.facts.rows import (
    ROW_TYPES,
    CaseRow,
    IntentRow,
    InvoiceRow,
    LotRow,
    PurchaseRow,
    Row,
    SubscriptionRow,
)
from purchase_core.instants import SECOND, Instant, to_datetime
from purchase_core.money import Money
from purchase_core.projection.owner import lane_of, owning_lane
from purchase_core.projection.tables import row_of_lane
from purchase_core.reads.activity import Happening
from purchase_core.reads.customers import Snapshot
from purchase_core.reads.provenance import provenance

HAPPENINGS = 50
ROWS_READ, ROWS_SHOWN = 200, 20  # of one table
TRUE, KNEW = "true", "knew"
TABLES: Mapping[str, type[Row]] = {
    "Cases": CaseRow,
    "Subscriptions": SubscriptionRow,
    "Purchases": PurchaseRow,
    "Invoices": InvoiceRow,
    "Credits": LotRow,
    "Checkouts": IntentRow,
}


@attrs.frozen
class AsOf:
    """The instant that is looked at, among those at which something was learned.

    `at`: seconds since the epoch; None: now. `moments` are what the slider can stop at, ascending.
    """

    at: int | None
    mode: str
    moments: tuple[int, ...]

    @property
    def instant(self) -> Instant | None:
        return None if self.at is None else Instant(self.at * SECOND)

    @property
    def place(self) -> int:
        """How many of the moments have passed."""
        passed = [one for one in self.moments if self.at is None or one <= self.at]
        return len(passed)

    def step(self, by: int) -> int | None:
        """The moment that many before or after; None where there is none."""
        place = self.place - 1 + by
        return self.moments[place] if 0 <= place < len(self.moments) else None


@attrs.frozen
class Section:
    """Rows of one table, the newest first. `more`: not all of them are shown."""

    title: str
    lines: tuple[Line, ...]
    more: bool


@attrs.frozen
class Held:
    """What a customer has, and may do. `version` counts their changes; 0: nothing is known of them."""

    rights: Rights
    version: int
    tables: tuple[Section, ...]


async def find(visit: Visit) -> Response:
    """Whose something is; where only one customer can be meant, their page."""
    text = visit.query("q")
    found = await visit.billing.search.customers(text) if text else ()
    if len(found) == 1:
        return visit.go(f"/customers/of/{quote(found[0].customer, safe='')}")
    return visit.page("customers.html", text=text, found=found)


async def show(visit: Visit) -> Response:
    """One customer."""
    customer, billing = visit.part("id"), visit.billing
    happened = await billing.activity.list(customer, after=visit.query("after"), limit=HAPPENINGS)
    asof = _as_of(visit, happened)
    held = await (_present(visit, customer) if asof.instant is None else _past(visit, customer, asof))
    return visit.page(
        "customer.html",
        customer=customer,
        asof=asof,
        held=held,
        done=await visit.done(),
        happened=happened,
        more=happened[-1].position if len(happened) == HAPPENINGS else "",
        explanation=await _explained(visit, customer, asof),
        features=sorted({name_of(one) for offer in billing.catalog.offers.values() for one in offer.grants}),
    )


async def why(visit: Visit) -> Response:
    """Where each column of a row comes from."""
    customer, key = visit.part("id"), visit.query("key")
    row = await _row(visit, customer, key)
    facts = await visit.billing.store.facts_about(row.root)
    return visit.page("provenance.html", customer=customer, row=row, sources=provenance(row, facts))


async def give_back(visit: Visit) -> Response:
    """Pay back so much of a bill, or what is left of it, as it was seen."""
    customer, invoice, amount = visit.part("id"), visit.field("invoice"), visit.field("amount", needed=False)
    deed = visit.deed("give-back", invoice, reasoned=True)

    async def work() -> Mapping[str, int]:
        row = await _row(visit, customer, invoice)
        if line_of(row).refundable != deed.seen:
            raise WrongState(
                f"of {invoice} something else is left than {deed.seen}", hint="Look at the customer again."
            )
        done = await visit.billing.invoices.give_back(
            customer, invoice, amount=_amount(amount, row), because=deed.reason, by=deed.by
        )
        return {done.refund.status if done.is_new else f"asked for before, by {done.by}": 1}

    run = await visit.billing.deeds.once(deed, work)
    return visit.go(f"/customers/of/{quote(customer, safe='')}", run)


PAGE = Page(
    "customers",
    "Customers",
    views=(View("", find), View("/of/{id:path}", show), View("/why/{id:path}", why)),
    actions=(Action("/give-back/{id:path}", give_back, Role.REFUND, money=True),),
    key="c",
)


def _amount(text: str, row: Row) -> int | None:
    """What is to go back of a bill, in minor units; None: all that is left. Raises InvalidArgument."""
    return Money(text, row.currency).minor if text and isinstance(row, InvoiceRow) else None


def _as_of(visit: Visit, happened: Sequence[Happening]) -> AsOf:
    # The end of the second: what was learned within it is then known.
    moments = sorted({one.recorded_at // SECOND + 1 for one in happened})
    mode = KNEW if visit.query("mode") == KNEW else TRUE
    written, place = visit.query("at"), visit.query("place")
    if place.isascii() and place.isdigit() and moments:
        chosen = min(int(place[:9]), len(moments))
        at = None if chosen == len(moments) else moments[max(0, chosen - 1)]
        return AsOf(at, mode, tuple(moments))
    if not written:
        return AsOf(None, mode, tuple(moments))
    if not (written.isascii() and written.isdigit() and len(written) <= 10):  # noqa: PLR2004  # to the year 2286
        raise InvalidArgument("at: not a number of seconds since 1970")
    return AsOf(int(written), mode, tuple(moments))


async def _explained(visit: Visit, customer: str, asof: AsOf) -> Explanation | None:
    feature = visit.query("feature")
    if not feature:
        return None
    at = None if asof.instant is None else to_datetime(asof.instant)
    return await visit.billing.customers.explain(customer, feature, at=at)


async def _present(visit: Visit, customer: str) -> Held:
    """What there is now: it costs what is shown, however much there is."""
    store = visit.billing.store
    lane = await owning_lane(store, customer)
    tables = []
    for title, table in TABLES.items():
        rows = await store.rows(table, lane=lane.lane, limit=ROWS_READ)
        tables.append(_section(title, rows, more=len(rows) == ROWS_READ))
    rights = await visit.billing.customers.entitlements(customer)
    return Held(rights, lane.version, tuple(one for one in tables if one.lines))


async def _past(visit: Visit, customer: str, asof: AsOf) -> Held:
    """What there was: read anew from the facts, all of them."""
    moment = None if asof.instant is None else to_datetime(asof.instant)
    knew = moment if asof.mode == KNEW else None
    snapshot = await visit.billing.customers.snapshot(customer, at=moment, known_at=knew)
    tables = [
        _section(title, _rows_in(snapshot, table), more=table.TABLE in snapshot.more)
        for title, table in TABLES.items()
    ]
    return Held(snapshot.rights, snapshot.version, tuple(one for one in tables if one.lines))


def _rows_in(snapshot: Snapshot, table: type[Row]) -> Sequence[Row]:
    held: Mapping[type[Row], Sequence[Row]] = {
        CaseRow: snapshot.cases,
        SubscriptionRow: snapshot.subscriptions,
        PurchaseRow: snapshot.purchases,
        InvoiceRow: snapshot.invoices,
        LotRow: snapshot.lots,
        IntentRow: snapshot.intents,
    }
    return held[table]


def _section(title: str, rows: Sequence[Row], *, more: bool = False) -> Section:
    lines = sorted((line_of(row) for row in rows), key=lambda one: (one.at or 0, one.key), reverse=True)
    return Section(title, tuple(lines[:ROWS_SHOWN]), more=more or len(lines) > ROWS_SHOWN)


async def _row(visit: Visit, customer: str, key: str) -> Row:
    lane = await lane_of(visit.billing.store, customer)
    for table in ROW_TYPES if key else ():
        row = await row_of_lane(visit.billing.store, table, lane, key)
        if row is not None:
            return row
    raise NotFound(f"customer {customer!r} has no row {key!r}")
