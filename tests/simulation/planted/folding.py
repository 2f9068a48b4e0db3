"""Bugs in the fold: order, duplicates, absorbing states, money, matching."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from purchase_core.facts import cases, derive, lots, match, reading, register
from purchase_core.facts.bodies import (
    DisputeSeen,
    IntentPlaced,
    InvoiceSeen,
    RefundAsked,
    RefundSeen,
    SubscriptionSeen,
)
from purchase_core.facts.fact import RecordedFact, seen
from purchase_core.facts.match import invoice_mismatch
from purchase_core.facts.reading import MATCHED, Reading
from purchase_core.facts.register import join
from purchase_core.projection import change
from purchase_core.projection.change import map_prices
from purchase_core.testing.memory_store import MemoryStore
from purchase_core.testing.simulation.provider import reading as told

from .planting import Planter, bug


@bug
def believes_the_last_to_arrive(to: Planter) -> None:
    """Of two states of an object the one that arrives later counts."""

    def latest(a: Any, b: Any) -> Any:
        return replace(join(a, b), newest=b.newest)

    to.everywhere(join, latest)


@bug
def believes_the_first(to: Planter) -> None:
    """The first state that was ever seen of an object counts."""

    def oldest(a: Any, b: Any) -> Any:
        joined = join(a, b)
        return replace(joined, newest=joined.first)

    to.everywhere(join, oldest)


@bug
def sees_no_contest(to: Planter) -> None:
    """Of two states of one instant one counts, and nobody notices."""
    to.put(register, "_rivals", lambda newest, a, b: ())


@bug
def counts_refunds_by_event(to: Planter) -> None:
    """A refund that is told of twice counts twice."""

    def by_event(connection: str, order: Any, body: Any, **named: Any) -> Any:
        fact = seen(connection, order, body, **named)
        return replace(fact, object=f"{fact.object}@{order}") if isinstance(body, RefundSeen) else fact

    to.put(told, "seen", by_event)


@bug
def counts_invoices_by_event(to: Planter) -> None:
    """A bill that is told of twice is two bills."""

    def by_event(connection: str, order: Any, body: Any, **named: Any) -> Any:
        fact = seen(connection, order, body, **named)
        return replace(fact, object=f"{fact.object}@{order}") if fact.kind == "invoice" else fact

    to.put(told, "seen", by_event)


@bug
def counts_a_refund_and_its_request(to: Planter) -> None:
    """What was asked for stays on its way when it is seen to go back."""
    to.put(Reading, "unanswered_refunds", lambda self: list(self.of(RefundAsked)))


@bug
def takes_pending_for_done(to: Planter) -> None:
    """A refund that waits for approval has gone back."""
    to.entry(reading._MONEY_BACK, (RefundSeen, "pending"), "refunded")


@bug
def keeps_failed_refunds(to: Planter) -> None:
    """A refund that has failed has gone back all the same."""
    to.entry(reading._MONEY_BACK, (RefundSeen, "failed"), "refunded")


@bug
def keeps_won_disputes(to: Planter) -> None:
    """Money of a dispute that was won stays held back."""
    to.entry(reading._MONEY_BACK, (DisputeSeen, "won"), "disputed")


@bug
def misses_lost_disputes(to: Planter) -> None:
    """Money of a dispute that was lost is there again."""
    to.entry(reading._MONEY_BACK, (DisputeSeen, "lost"), None)


@bug
def adds_refunds_up_as_steps(to: Planter) -> None:
    """Each state of a refund takes its amount off once more."""
    original = Reading._add_up_money_back

    def steps(self: Any) -> Any:
        found = original(self)
        for one, seen_ in self.of(RefundSeen):
            key = reading.invoice_of(one, seen_)
            if key in found and one.first != one.newest and seen_.status == "succeeded":
                found[key] = replace(found[key], refunded=found[key].refunded + seen_.amount)
        return found

    to.put(Reading, "_add_up_money_back", steps)


@bug
def sees_no_second_payment(to: Planter) -> None:
    """Every payment that is as ordered answers the order."""

    def all_of_them(self: Any) -> Any:
        return {one.object: self._invoice_verdict(one, body) for one, body in self.of(InvoiceSeen)}

    to.put(Reading, "_judge_invoices", all_of_them)


@bug
def binds_every_subscription(to: Planter) -> None:
    """A second subscription for one order grants as the first does."""

    def all_of_them(self: Any) -> Any:
        return {one.object: self._subscription_verdict(one, body) for one, body in self.of(SubscriptionSeen)}

    to.put(Reading, "_judge_subscriptions", all_of_them)


@bug
def binds_without_payment(to: Planter) -> None:
    """A subscription grants, whatever was paid for it."""
    to.put(Reading, "_subscription_verdict", lambda self, one, body: (True, ""))


@bug
def matches_by_total(to: Planter) -> None:
    """A payment answers an order if its total is that of the order."""

    def by_total(intent: Any, attempts: Any, connection: str, invoice: Any) -> str:
        full = intent.unit_amount * intent.quantity
        return "" if invoice.total in (full, 0) and invoice.paid == invoice.total else "another total"

    to.everywhere(invoice_mismatch, by_total)


@bug
def minds_no_payer(to: Planter) -> None:
    """Anybody's payment answers an order."""
    to.put(match, "_origin_mismatch", lambda attempts, connection, customer: "")


@bug
def minds_no_currency(to: Planter) -> None:
    """The same amount of another currency will do."""
    to.put(
        match,
        "_sold_as_ordered",
        lambda intent, line: (
            ""
            if (line.unit_amount, line.quantity) == (intent.unit_amount, intent.quantity)
            else "another amount"
        ),
    )
    to.put(match, "_total_mismatch", lambda intent, line, invoice: "")


@bug
def minds_no_quantity(to: Planter) -> None:
    """More than was ordered is as good as what was ordered."""
    original = match._sold_as_ordered
    to.put(
        match,
        "_sold_as_ordered",
        lambda intent, line: original(intent, replace(line, quantity=intent.quantity)),
    )


@bug
def takes_any_discount(to: Planter) -> None:
    """A discount that nobody allowed is fine."""
    original = match._line_mismatch
    to.put(
        match,
        "_line_mismatch",
        lambda intent, line: original(intent, replace(line, amount=line.unit_amount * line.quantity)),
    )


@bug
def takes_access_with_the_duplicate(to: Planter) -> None:
    """What goes back of a second payment is taken off the first."""
    purchases = derive._purchases

    def wrong(one: Any) -> Any:
        for row in purchases(one):
            yield replace(row, paid=row.due)

    to.put(derive, "_purchases", wrong)


@bug
def claws_nothing_back(to: Planter) -> None:
    """Credits stay when their money goes back."""
    to.put(lots, "_shortfall", lambda reading, key, invoice: 0)


@bug
def grants_credits_for_trials(to: Planter) -> None:
    """A trial that costs nothing grants what is paid for."""

    def generous(one: Any, invoice: Any, verdict: str) -> Any:
        if verdict == MATCHED and one.intent is not None:
            return [lots.Granting(one.intent.version, one.intent.quantity, None)]
        return original(one, invoice, verdict)

    original = lots._granting
    to.put(lots, "_granting", generous)


@bug
def grants_credits_for_changes(to: Planter) -> None:
    """What a change in mid-period costs grants the credits of a period."""
    original = lots._granting

    def generous(one: Any, invoice: Any, verdict: str) -> Any:
        if invoice.reason == "change":
            return [
                lots.Granting(line.version, line.quantity, line) for line in invoice.lines if line.amount > 0
            ]
        return original(one, invoice, verdict)

    to.put(lots, "_granting", generous)


@bug
def grants_credits_once_only(to: Planter) -> None:
    """A renewal grants nothing."""
    original = lots._granting
    to.put(
        lots,
        "_granting",
        lambda one, invoice, verdict: [] if invoice.reason == "renewal" else original(one, invoice, verdict),
    )


@bug
def opens_no_case_for_excess(to: Planter) -> None:
    """Money that was paid twice is nobody's business."""
    original = cases._payments
    to.put(cases, "_payments", lambda one: (row for row in original(one) if row.kind != "excess"))


@bug
def opens_no_case_for_strangers(to: Planter) -> None:
    """Money of nobody is nobody's business."""
    to.put(cases, "_unmatched", lambda one: iter(()))


@bug
def forgets_held_money(to: Planter) -> None:
    """A purchase does not say what a bank holds back of it."""
    purchases = derive._purchases
    to.put(derive, "_purchases", lambda one: (replace(row, disputed=0) for row in purchases(one)))


@bug
def forgets_what_the_customer_must_do(to: Planter) -> None:
    """An open bill does not say what it waits for."""
    invoice = derive._invoice
    to.entry(
        derive._ROW_OF,
        InvoiceSeen,
        lambda one, register_, body: replace(invoice(one, register_, body), action=""),
    )


@bug
def forgets_who_asked(to: Planter) -> None:
    """A refund does not say which command asked for it."""
    refund = derive._refund
    to.entry(
        derive._ROW_OF,
        RefundSeen,
        lambda one, register_, body: replace(refund(one, register_, body), command=""),
    )


@bug
def says_less_went_back(to: Planter) -> None:
    """A refund says one cent less than it is."""
    refund = derive._refund
    to.entry(
        derive._ROW_OF,
        RefundSeen,
        lambda one, register_, body: replace(refund(one, register_, body), amount=body.amount - 1),
    )


@bug
def forgets_outcomes_of_disputes(to: Planter) -> None:
    """A dispute stays open in the list, however it ended."""
    dispute = derive._dispute
    to.entry(
        derive._ROW_OF,
        DisputeSeen,
        lambda one, register_, body: replace(dispute(one, register_, body), status="open"),
    )


@bug
def forgets_ends_of_trials(to: Planter) -> None:
    """A subscription does not say when its trial ends."""
    original = derive._subscription
    to.entry(
        derive._ROW_OF,
        SubscriptionSeen,
        lambda one, register_, body: replace(original(one, register_, body), trial_end=None),
    )


@bug
def says_open_of_what_is_settled(to: Planter) -> None:
    """An order does not say what settled it."""
    original = derive._intent
    to.entry(
        derive._ROW_OF,
        IntentPlaced,
        lambda one, register_, body: replace(original(one, register_, body), settled_by=""),
    )


@bug
def maps_no_prices(to: Planter) -> None:
    """Nobody knows what a price at the provider stands for."""
    to.put(
        change,
        "map_prices",
        lambda fact, view: fact if fact.kind == "subscription" else map_prices(fact, view),
    )


@bug
def records_no_facts(to: Planter) -> None:
    """Refunds change rows and leave no fact."""
    apply = MemoryStore._apply

    def without(store: Any, batch: Any) -> None:
        kept = tuple(one for one in batch.facts if one.fact.kind != "refund")
        apply(store, replace(batch, facts=kept))

    to.put(MemoryStore, "_apply", without)


@bug
def explains_nothing(to: Planter) -> None:
    """A fact does not say what brought it."""
    to.put(change, "RecordedFact", lambda fact, lane, now, cause: RecordedFact(fact, lane, now, ""))
