"""Outcomes: what became of routed checkouts, read from what is stored anyway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, TypeAlias

import msgspec

from purchase_core.facts.bodies import AttemptMade, InvoiceSeen, SubscriptionSeen
from purchase_core.facts.fact import intent_key
from purchase_core.facts.fold import fold
from purchase_core.facts.reading import Reading
from purchase_core.facts.rows import IntentRow
from purchase_core.instants import HOUR, Instant
from purchase_core.ports.paging import every_intent
from purchase_core.ports.router import RoutingDecision, decode_decision
from purchase_core.ports.store import Store
from purchase_core.values import Value

Result: TypeAlias = Literal["paid", "unpaid", "censored"]


class Attempted(Value, frozen=True):
    """One attempt at a checkout. `status`: current | withdrawn | refused. `paid_at`: None while unpaid."""

    connection: str
    status: str
    opened_at: Instant
    paid_at: Instant | None = None


class Outcome(Value, frozen=True):
    """One routed checkout and what became of it. `refunded` and `disputed` are minor units of `currency`.

    A trial counts as paid once the provider has confirmed it.
    """

    intent: str
    receipt: str
    decision: RoutingDecision
    opened_at: Instant
    attempts: tuple[Attempted, ...]
    paid_at: Instant | None
    amount: int
    currency: str
    refunded: int = 0
    disputed: int = 0
    shadow: str = ""

    def result(self, now: Instant, horizon_hours: int) -> Result:
        """Paid within the horizon of opening, or not; censored while that cannot be said yet."""
        return result_of(self.opened_at, self.paid_at, now, horizon_hours)


def result_of(opened_at: Instant, paid_at: Instant | None, now: Instant, horizon_hours: int) -> Result:
    """The same horizon for everybody: who pays later has not paid, who is younger does not count yet.

    The young do not count even if they have paid: those that will not pay cannot be told from them yet.
    """
    horizon = horizon_hours * HOUR
    if now - opened_at <= horizon:
        return "censored"
    return "paid" if paid_at is not None and paid_at - opened_at <= horizon else "unpaid"


class RoutedOutcomes:
    """Reads the outcomes of routed checkouts, the newest first. Two reads a checkout, and one a page."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def since(self, since: Instant) -> AsyncIterator[Outcome]:
        """Every checkout that was started since then and has a decision."""
        async for row in every_intent(self._store, since=since):
            outcome = await self.of(row)
            if outcome is not None:
                yield outcome

    async def of(self, row: IntentRow) -> Outcome | None:
        """What became of one checkout; None if it was not routed, or its decision cannot be read any more."""
        recorded = await self._store.facts_about(row.root)
        cause = next((one.cause for one in recorded if one.fact.object == row.key), "")
        command = await self._store.command_by_id(cause) if cause else None
        if command is None or not command.decision:
            return None
        try:
            decision = decode_decision(command.decision)
        except msgspec.ValidationError:
            return None
        folded = fold(row.lane, [one.fact for one in recorded])
        cluster = folded.clusters.get(folded.roots.get(intent_key(row.key.split(":", 2)[2]), ""))
        if cluster is None:
            return None
        reading = Reading(cluster)
        back = [reading.money_back(key) for key in reading.invoice_verdicts]
        return Outcome(
            intent=row.key.split(":", 2)[2],
            receipt=command.id,
            decision=decision,
            opened_at=row.placed_at,
            attempts=_attempts(reading),
            paid_at=_paid_at(reading, reading.settled_by),
            amount=row.unit_amount * row.quantity,
            currency=row.currency,
            refunded=sum(one.refunded for one in back),
            disputed=sum(one.disputed + one.lost for one in back),
            shadow=next((stage.detail for stage in command.stages if stage.name == "shadow"), ""),
        )


def _attempts(reading: Reading) -> tuple[Attempted, ...]:
    paid: dict[str, Instant | None] = {}
    for key, (match, _) in reading.invoice_verdicts.items():
        if match in ("matched", "excess"):
            paid.setdefault(key.split(":", 2)[1], _paid_at(reading, key))
    if reading.settled_by:
        paid.setdefault(reading.settled_by.split(":", 2)[1], _paid_at(reading, reading.settled_by))
    made = sorted(
        ((one.first.order, body) for one, body in reading.of(AttemptMade)),
        key=lambda one: (one[0], one[1].id),
    )
    return tuple(Attempted(body.connection, body.status, at, paid.get(body.connection)) for at, body in made)


def _paid_at(reading: Reading, key: str) -> Instant | None:
    one = reading.cluster.registers.get(key)
    if one is None:
        return None
    body = one.newest.body
    if isinstance(body, InvoiceSeen):
        return body.paid_at or one.first.order
    return body.started_at if isinstance(body, SubscriptionSeen) else None
