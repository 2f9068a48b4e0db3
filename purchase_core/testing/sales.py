"""Sales for tests: a small catalog, and the facts that a sale leaves behind, from intent to refund."""

from __future__ import annotations

import attrs

from purchase_core.catalog.catalog import Catalog
from purchase_core.catalog.features import credit_unit, feature, licence, quota
from purchase_core.catalog.products import credit_pack, one_time, plan, subscription
from purchase_core.catalog.versions import OfferVersion
from purchase_core.facts.bodies import (
    AttemptMade,
    Body,
    DisputeSeen,
    IntentPlaced,
    InvoiceLine,
    InvoiceSeen,
    Item,
    RefundSeen,
    SessionSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import Fact, decided, object_key, seen
from purchase_core.instants import DAY, SECOND, Instant
from purchase_core.money import Money
from purchase_core.records.lane import customer_lane
from purchase_core.records.reference import PriceReference, Reference

T0 = Instant(1_760_000_000 * SECOND)
PERIOD_DAYS = 30

CATALOG = Catalog(
    subscription(
        "app",
        plans=[
            plan("free", default=True, includes=[quota("api")(limit=10, reset="month")]),
            plan(
                "pro",
                price=Money("10.00", "EUR"),
                every="month",
                quantity=(1, 10),
                includes=[
                    feature("export")(),
                    quota("api")(limit=1_000, reset="month"),
                    credit_unit("ai")(amount=100, expires_days=30),
                    licence("seats")(count=2),
                ],
            ),
            plan(
                "team",
                price=Money("30.00", "EUR"),
                every="month",
                trial_days=14,
                quantity=(1, 10),
                includes=[feature("audit")(), quota("api")(limit=5_000, reset="day")],
            ),
        ],
    ),
    one_time("book", plans=[plan("full", price=Money("20.00", "EUR"), includes=[feature("book")()])]),
    credit_pack(
        "tokens", plans=[plan("small", price=Money("5.00", "EUR"), includes=[credit_unit("ai")(amount=500)])]
    ),
)
VERSIONS = {version.hash: version for version in CATALOG.offers.values()}
CONNECTIONS = ("stripe-eu", "paddle")


def later(*, days: int = 0, seconds: int = 0) -> Instant:
    """An instant after the first sale."""
    return Instant(T0 + days * DAY + seconds * SECOND)


def price_id(offer: str, connection: str) -> str:
    """The provider's id of an offer's price."""
    return f"price_{offer.replace(':', '_')}_{connection}"


def price_references() -> tuple[PriceReference, ...]:
    """What every price of the catalog stands for, on every connection."""
    return tuple(
        PriceReference(connection, price_id(offer, connection), offer, version.hash, "EUR", T0)
        for offer, version in CATALOG.offers.items()
        for connection in CONNECTIONS
        if version.prices
    )


def again(fact: Fact, body: Body, at: Instant | None = None, *, final: bool = False) -> Fact:
    """The same object, seen with another body or at another instant."""
    return seen(fact.connection, fact.order if at is None else at, body, final=final)


@attrs.frozen
class Sale:
    """One thing that a customer buys, and what may be seen of it.

    `tagged`: whether the provider's objects carry our reference. `number` tells sales apart, `attempt`
    the tries at one sale; a connection serves one try.
    """

    number: int = 1
    customer: str = "alice"
    offer: str = "app:pro"
    connection: str = "stripe-eu"
    quantity: int = 1
    attempt: int = 1
    tagged: bool = True
    provider_customer: str = ""

    @property
    def version(self) -> OfferVersion:
        """What is sold."""
        return CATALOG.offers[self.offer]

    @property
    def unit_amount(self) -> int:
        """Its price, in cents."""
        return self.version.prices[0].minor

    @property
    def due(self) -> int:
        """What the whole sale costs, in cents."""
        return self.unit_amount * self.quantity

    @property
    def price(self) -> str:
        """The provider's id of the price."""
        return price_id(self.offer, self.connection)

    @property
    def payer(self) -> str:
        """The provider's id of the customer."""
        return self.provider_customer or f"cus_{self.customer}"

    @property
    def intent(self) -> str:
        """Our id of the intent."""
        return f"intent_{self.number}"

    @property
    def subscription_id(self) -> str:
        """The provider's id of the subscription; none where nothing is subscribed to."""
        subscribes = self.version.product == "subscription"
        return f"sub_{self.number}_{self.attempt}" if subscribes else ""

    @property
    def invoice_id(self) -> str:
        """The provider's id of the first invoice."""
        return f"in_{self.number}_{self.attempt}"

    @property
    def link(self) -> Reference:
        """The provider's customer belongs to ours."""
        return Reference(object_key("customer", self.connection, self.payer), customer_lane(self.customer))

    def placed(self, at: Instant = T0) -> Fact:
        """The checkout intent."""
        body = IntentPlaced(
            self.intent,
            self.customer,
            self.offer,
            self.version.hash,
            self.version.product,
            self.quantity,
            self.unit_amount,
            "EUR",
            self.version.trial_days,
        )
        return decided(at, body)

    def tried(self, status: str = "current", at: Instant = T0) -> Fact:
        """The attempt."""
        body = AttemptMade(
            f"attempt_{self.number}_{self.attempt}",
            self.intent,
            status,
            self.connection,
            self.price,
            self.payer,
            f"cs_{self.number}_{self.attempt}",
        )
        return decided(at, body)

    def session(self, status: str = "complete", payment: str = "paid", at: Instant = T0) -> Fact:
        """The checkout session, which always carries our reference: we made it."""
        done = status == "complete"
        body = SessionSeen(
            f"cs_{self.number}_{self.attempt}",
            status,
            payment if done else "unpaid",
            self.payer,
            self.intent,
            self.subscription_id if done else "",
            self.invoice_id if done else "",
        )
        return seen(self.connection, at, body, final=status == "expired")

    def subscription(self, status: str = "active", at: Instant = T0, *, period: int = 0) -> Fact:
        """The subscription in its n-th period."""
        start, trial = self._period(period), self.version.trial_days
        body = SubscriptionSeen(
            self.subscription_id,
            status,
            self.payer,
            (Item(self.price, self.quantity, self.unit_amount, "EUR"),),
            start,
            self._period(period + 1),
            T0,
            trial_end=Instant(T0 + trial * DAY) if trial else None,
            ended_at=at if status == "canceled" else None,
            intent=self.intent if self.tagged else "",
        )
        return seen(self.connection, at, body, final=status in ("canceled", "incomplete_expired"))

    def invoice(self, status: str = "paid", at: Instant = T0) -> Fact:
        """The first invoice; of a trial, nothing is due."""
        trial = bool(self.version.trial_days)
        line = InvoiceLine(
            self.price,
            self.quantity,
            self.unit_amount,
            0 if trial else self.due,
            "EUR",
            trial=trial,
        )
        return self._bill(self.invoice_id, "first", status, at, (line,))

    def renewal(self, period: int, status: str = "paid", at: Instant | None = None) -> Fact:
        """The invoice of the n-th period. It names no intent."""
        moment = self._period(period) if at is None else at
        line = InvoiceLine(
            self.price,
            self.quantity,
            self.unit_amount,
            self.due,
            "EUR",
            self._period(period),
            self._period(period + 1),
        )
        return self._bill(f"{self.invoice_id}_r{period}", "renewal", status, moment, (line,))

    def change(self, at: Instant = T0) -> Fact:
        """The invoice of a change in mid-period: a proration either way."""
        lines = (
            InvoiceLine(self.price, self.quantity, self.unit_amount, -300, "EUR", proration=True),
            InvoiceLine(self.price, self.quantity, self.unit_amount, 700, "EUR", proration=True),
        )
        return self._bill(f"{self.invoice_id}_c", "change", "paid", at, lines)

    def refund(
        self, amount: int, status: str = "succeeded", at: Instant = T0, *, name: str = "1", of: str = ""
    ) -> Fact:
        """A refund of the first invoice, or of the invoice `of`."""
        invoice = of or self.invoice_id
        body = RefundSeen(f"re_{invoice}_{name}", invoice, amount, "EUR", status)
        return seen(self.connection, at, body)

    def dispute(self, amount: int, status: str = "open", at: Instant = T0, *, name: str = "1") -> Fact:
        """A dispute of the first invoice."""
        body = DisputeSeen(f"dp_{self.invoice_id}_{name}", self.invoice_id, amount, "EUR", status)
        return seen(self.connection, at, body)

    def _period(self, number: int) -> Instant:
        return Instant(T0 + number * PERIOD_DAYS * DAY)

    def _bill(
        self, identifier: str, reason: str, status: str, at: Instant, lines: tuple[InvoiceLine, ...]
    ) -> Fact:
        total = sum(line.amount for line in lines)
        paid = status == "paid"
        body = InvoiceSeen(
            identifier,
            status,
            reason,
            self.payer,
            "EUR",
            total,
            total if paid else 0,
            lines,
            paid_at=at if paid else None,
            subscription=self.subscription_id,
            intent=self.intent if self.tagged and reason == "first" else "",
        )
        return seen(self.connection, at, body, final=status == "void")
