"""What can be done about a case: the steps that would set it right, from the rows as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from purchase_core.facts.fact import object_key
from purchase_core.facts.reading import ENDED_SUBSCRIPTIONS
from purchase_core.facts.rows import CaseRow, InvoiceRow, SubscriptionRow

CANCEL, REFUND = "cancel", "refund"
WITH_STEPS = frozenset({"excess", "mismatch", "unmatched", "unordered", "unclaimed"})

ADVICE = {
    "excess": "Paid more often than ordered. End what would bill again, and give the money back.",
    "mismatch": "Paid, and not as it was ordered. Give it back, or resolve the case if it is right as it is.",
    "unmatched": "Ours, and nobody is known for it. `purchase import decide` says whose; or give it back.",
    "unordered": "For an order that is not known here: it was lost, or is another database's. Give it back.",
    "unclaimed": "Bought by a guest, who may still claim it. Wait, or give it back.",
    "unmapped": "No offer is known for a price. Adopt the price, or change to an offer that is sold.",
    "overreturned": "More is gone than was paid. Contest the dispute: the refund is evidence.",
    "contested": "Two states claim one instant. The provider is asked again; wait for its answer.",
}


@attrs.frozen
class Step:
    """One thing to do: `cancel` a subscription at once, or `refund` so much of an invoice, by row key."""

    kind: str
    about: str
    amount: int = 0
    currency: str = ""


def remedy(
    case: CaseRow, subscriptions: Iterable[SubscriptionRow], invoices: Sequence[InvoiceRow]
) -> tuple[Step, ...]:
    """The steps, in the order in which to take them: first nothing more is billed, then money goes back.

    What is on its way back already is not proposed again.
    """
    if case.kind not in WITH_STEPS:
        return ()
    about = bills(case, invoices)
    agreements = {agreement_of(row) for row in about} | {case.about}
    steps = [
        # One that is bound was paid for as ordered: only where nobody is known for it, it ends.
        Step(CANCEL, row.key)
        for row in subscriptions
        if row.key in agreements
        and row.status not in ENDED_SUBSCRIPTIONS
        and not (row.bound and case.kind in ("excess", "mismatch"))
    ]
    for row in about:
        left = row.paid - row.refunded - row.refunding - row.disputed
        if left > 0:
            steps.append(Step(REFUND, row.key, left, row.currency))
    return tuple(steps)


def bills(case: CaseRow, invoices: Iterable[InvoiceRow]) -> list[InvoiceRow]:
    """The bills that a case is about, the oldest first: one alone, or all of a subscription."""
    known = list(invoices)
    agreement = next((agreement_of(row) for row in known if row.key == case.about), case.about)
    mine = [row for row in known if row.key == case.about or (agreement and agreement_of(row) == agreement)]
    return sorted(mine, key=lambda row: (row.paid_at or row.seen_at, row.key))


def agreement_of(invoice: InvoiceRow) -> str:
    """Key of the subscription that a bill is of, or ""."""
    if not invoice.subscription:
        return ""
    return object_key("subscription", invoice.connection, invoice.subscription)
