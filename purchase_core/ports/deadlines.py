"""Deadlines: instants that rows name, at which time alone makes something true.

A store finds the rows of one by an index that holds no others, so that whoever looks for what has fallen due
reads that, and not what is stored.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from purchase_core.facts.rows import InvoiceRow, LotRow, SubscriptionRow

D = TypeVar("D", bound=SubscriptionRow | InvoiceRow | LotRow)


@attrs.frozen
class Deadline(Generic[D]):
    """An instant of some rows: which column holds it. DEADLINES says of which rows."""

    name: str
    row_type: type[D]
    column: str


PERIOD_ENDS = Deadline("period_ends", SubscriptionRow, "period_end")
TRIAL_ENDS = Deadline("trial_ends", SubscriptionRow, "trial_end")
UNPAID_FROM = Deadline("unpaid_from", SubscriptionRow, "period_start")
BILL_ASKED = Deadline("bill_asked", InvoiceRow, "due_at")
LOT_EXPIRES = Deadline("lot_expires", LotRow, "expires_at")

DEADLINES = (
    PERIOD_ENDS,  # of live subscriptions: bound, and not ended
    TRIAL_ENDS,  # of those that are trialing
    UNPAID_FROM,  # of those that are past due, when their period began
    BILL_ASKED,  # of open bills, when their money was first asked for
    LOT_EXPIRES,  # of lots that expire
)
